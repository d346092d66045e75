"""Picture of the values of single units by epoch."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ibtrain.report.caption import add_caption
from ibtrain.report.epochs import set_epoch_axis
from ibtrain.report.grid import Grid
from ibtrain.report.legend import add_legend
from ibtrain.report.limits import axis_ends, draw_limit
from ibtrain.report.mpl import Figure, Line2D, Patch
from ibtrain.report.panels import PlanePanel, in_unit, unit_of
from ibtrain.report.paths import layer_style
from ibtrain.report.series import LayerSeries, layer_names, layer_series, measured_panels
from ibtrain.report.style import LIMITS, styled
from ibtrain.report.view import PlaneView
from ibtrain.text import abridged, printable

__all__ = ["units_figure"]

NAMES = tuple(f"mi_{pair}_unit{suffix}" for pair in ("xt", "ty") for suffix in ("", "_min", "_max"))
"""Mean, smallest and largest value of both quantities."""
QUANTITIES = ("H($T_j$)", "I($T_j$; Y)")
LONGEST_NAME = 22
BAND = 0.25
"""Opacity of a band."""


@styled
def units_figure(panels: Sequence[PlanePanel], view: PlaneView) -> Figure:
    """Draws the range and the mean of H(T_j) and of I(T_j; Y) over the units of each layer, by epoch.

    The rows are methods, and the columns are layers.

    Args:
        panels: The rows.
        view: Choices of what is drawn.

    Raises:
        ConfigError: If a panel has no such values up to the last epoch.
    """
    panels = measured_panels(panels, NAMES, view, "binned")
    unit = unit_of(panels, view)
    panels = in_unit(panels, unit)
    layers = layer_names(panels)
    rows = [layer_series(panel.points, NAMES, view.seeds) for panel in panels]
    all_series = [series for row in rows for series in row]
    last = max(series.epochs[-1] for series in all_series)
    titles = [" ".join(panel.title.split("\n")) for panel in panels]
    grid = Grid(titles, [abridged(printable(layer), LONGEST_NAME) for layer in layers], 2, 0.0)
    for quantity, name in enumerate(QUANTITIES):
        parts = slice(3 * quantity, 3 * quantity + 3)
        # every H(T_j) is far below ln N; only the label's information has a limit nearby
        limits = [_limit(panel, quantity) for panel in panels]
        values = np.concatenate([series.values[:, parts].ravel() for series in all_series])
        ends = axis_ends(np.stack([values, values], axis=1), (math.inf, max(limits)))[1]
        for row, series, limit in zip(grid.axes, rows, limits, strict=True):
            for index, axis in enumerate(row[quantity]):
                set_epoch_axis(axis, last)
                axis.set_ylim(ends)
                grid.label(axis, "epoch", f"{name}  [{unit}]")
                for one in series:
                    if one.layer == layers[index]:
                        _draw(axis, one, parts, layer_style(index, len(layers))[0])
                draw_limit(axis, "y", LIMITS[unit][1], limit)
    line = Line2D([], [], color="0.3", label="mean over the units")
    band = Patch(fc="0.3", alpha=BAND, label="smallest to largest unit")
    add_legend(grid.figure, [line, band])
    add_caption(grid.figure, panels, view)
    return grid.figure


def _limit(panel: PlanePanel, quantity: int) -> float:
    """H(Y), for the information about the label."""
    if quantity == 0:
        return math.inf
    return max(point.estimates[NAMES[3]].ceiling for point in panel.points)


def _draw(axis: Any, series: LayerSeries, parts: slice, colour: Any) -> None:
    mean, low, high = series.values[:, parts].T
    axis.fill_between(series.epochs, low, high, color=colour, alpha=BAND, lw=0)
    axis.plot(series.epochs, mean, color=colour, lw=1.4, marker="o", ms=2)
