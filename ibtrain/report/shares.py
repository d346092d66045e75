"""Picture of the last points of runs with several training shares."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np

from ibtrain.errors import ConfigError
from ibtrain.plane.point import PlaneMethod
from ibtrain.report.caption import add_caption
from ibtrain.report.grid import Grid
from ibtrain.report.legend import add_legend, flag_handles, layer_handles
from ibtrain.report.limits import axis_ends, draw_limit
from ibtrain.report.mpl import Figure, Line2D, LineCollection, LogNorm, ScalarMappable, colormaps
from ibtrain.report.panels import PlanePanel, in_unit, limits_of, rows_of, unit_of
from ibtrain.report.paths import EPOCH_MAP, flag_state, layer_style
from ibtrain.report.points import LayerPath, layer_paths
from ibtrain.report.quantities import PlaneAxes
from ibtrain.report.series import layer_names, measured_panels
from ibtrain.report.style import LIMITS, styled
from ibtrain.report.view import PlaneView

__all__ = ["shares_figure"]

TICK_RATIO = 1.15
"""Smallest ratio of two shares that are both written beside the colour bar."""


@styled
def shares_figure(panels: Sequence[PlanePanel], view: PlaneView) -> Figure:
    """Draws the last point of each layer, coloured by the training share, in a panel for each method and measure.

    Args:
        panels: Methods of runs that differ in their training share.
        view: Choices of what is drawn.

    Raises:
        ConfigError: If all runs have the same share, or no points up to the last epoch.

    References:
        Shwartz-Ziv & Tishby (arXiv 1703.00810), figure 3.
    """
    shares = sorted({panel.train_share for panel in panels})
    if len(shares) == 1:
        expected = "runs with several, as of --train-share 0.1"
        raise ConfigError(
            f"runs with one training share, {shares[0]:g}", expected, "--style shares"
        )
    unit, rows = unit_of(panels, view), rows_of(panels, view)
    names = [name for axes in rows for name in (axes.x, axes.y)]
    panels = in_unit(measured_panels(panels, names, view, rows[0].measure), unit)
    layers = layer_names(panels)
    by_method = [[p for p in panels if p.points[0].method == m] for m in get_args(PlaneMethod)]
    columns = [column for column in by_method if column]
    grid = Grid([axes.title for axes in rows], [_title(panel) for panel, *_ in columns], 1, 0.0)
    norm = LogNorm(shares[0], shares[-1])
    paths: list[LayerPath] = []
    for row, axes in zip(grid.axes, rows, strict=True):
        cells = [_networks(column, axes, view.seeds) for column in columns]
        row_paths = [path for cell in cells for _, network in cell for path in network]
        extent = np.concatenate([path.xy[-1] + _bars(path) for path in row_paths])
        ends = axis_ends(extent, limits_of(panels, axes))
        for axis, cell, column in zip(row[0], cells, columns, strict=True):
            axis.set(xlim=ends[0], ylim=ends[1])
            grid.label(axis, *[f"{quantity}  [{unit}]" for quantity in axes.labels])
            for share, network in cell:
                _draw(axis, network, layers, colormaps[EPOCH_MAP](norm(share)))
            limits = zip("xy", LIMITS[unit], limits_of(column, axes), strict=True)
            for limit in limits:
                draw_limit(axis, *limit)
        paths += row_paths
    _add_colour_bar(grid, norm, shares)
    add_legend(grid.figure, _handles(layers, paths, unit))
    add_caption(grid.figure, panels, view)
    return grid.figure


def _title(panel: PlanePanel) -> str:
    """The method, without the name of the run."""
    title = panel.title.split("\n")[-1]
    return title[:1].upper() + title[1:]


def _networks(
    panels: Sequence[PlanePanel], axes: PlaneAxes, seeds: str
) -> list[tuple[float, list[LayerPath]]]:
    """The share and the layers of each network."""
    networks = []
    for panel in panels:
        paths = layer_paths(panel.points, axes, seeds)
        seed_names = dict.fromkeys(path.seed for path in paths)
        if len(seed_names) > 1:
            # as in the other styles, one seed of several has no bars
            paths = [replace(path, spread=np.zeros_like(path.spread)) for path in paths]
        for seed in seed_names:
            networks.append((panel.train_share, [path for path in paths if path.seed == seed]))
    return networks


def _bars(path: LayerPath) -> Any:
    """From the last point to the lower and the upper ends of its bars, ``(2, 2)``."""
    return (path.spread[-1] * [-1, 1]).T


def _draw(axis: Any, network: Sequence[LayerPath], layers: Sequence[str], colour: Any) -> None:
    """Draws the last points of a network, with a line through its layers."""
    xy = np.array([path.xy[-1] for path in network])
    axis.plot(*xy.T, color=colour, lw=1.2, zorder=2)
    for place, path in zip(xy, network, strict=True):
        low, high = place + _bars(path)
        bars = [
            [(low[0], place[1]), (high[0], place[1])],
            [(place[0], low[1]), (place[0], high[1])],
        ]
        axis.add_collection(LineCollection(bars, colors=[colour], linewidths=0.8, zorder=2))
        state = flag_state(path.flags[-1])
        _, marker = layer_style(layers.index(path.layer), len(layers))
        style = (
            {"mec": "black", "mfc": colour} if state == "plain" else {"mec": colour, "mfc": "white"}
        )
        axis.plot(*place, marker, **style, ms=5.5, mew=1, zorder=3)
        if state == "flagged":
            axis.plot(*place, "x", color=colour, ms=3, zorder=4)


def _add_colour_bar(grid: Grid, norm: LogNorm, shares: Sequence[float]) -> None:
    ticks: list[float] = []
    for share in shares:
        if not ticks or share > TICK_RATIO * ticks[-1]:
            ticks.append(share)
    for figure, axes in grid.planes():
        mappable = ScalarMappable(norm, EPOCH_MAP)
        colours = figure.colorbar(mappable, ax=axes, pad=0.02, aspect=25)
        colours.set_ticks(ticks, labels=[f"{100 * tick:.3g} %" for tick in ticks])
        colours.minorticks_off()
        colours.set_label("share of the training samples")


def _handles(layers: Sequence[str], paths: Sequence[LayerPath], unit: str) -> list[Any]:
    limits = Line2D([], [], ls=":", color="k", lw=0.9, label="limits: " + ", ".join(LIMITS[unit]))
    flags = flag_handles(path.flags[-1] for path in paths)
    return [*layer_handles(layers, has_colours=False, line=""), *flags, limits]
