"""Picture of the information profiles of the layers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ibtrain.plane.measures.profile import RADIUS_SHARES
from ibtrain.report.caption import add_caption
from ibtrain.report.grid import Grid
from ibtrain.report.legend import add_legend, flag_handles, layer_handles
from ibtrain.report.limits import axis_ends, draw_limit
from ibtrain.report.mpl import Figure, Line2D, LineCollection
from ibtrain.report.panels import PlanePanel, in_unit, unit_of
from ibtrain.report.paths import PathPoints, layer_style, shade
from ibtrain.report.series import LayerSeries, layer_names, layer_series, measured_panels
from ibtrain.report.style import LIMITS, styled
from ibtrain.report.view import PlaneView

__all__ = ["profile_figure"]

NAMES = tuple(f"mi_xt_at_{share}" for share in RADIUS_SHARES)
SHARES = np.array(RADIUS_SHARES)


@dataclass(frozen=True)
class Profile:
    """The values of a layer at one epoch, by the noise.

    Args:
        layer: Name of the layer.
        epoch: The epoch, the last measured one up to the moment.
        moment: The epoch that was asked for, infinite for the last one.
        values: I(X; T), ``(shares,)``.
        spread: Lengths of the bars below and above, ``(shares, 2)``.
        flags: Flags of each value.
    """

    layer: str
    epoch: float
    moment: float
    values: np.ndarray[Any, Any]
    spread: np.ndarray[Any, Any]
    flags: tuple[frozenset[str], ...]


@styled
def profile_figure(panels: Sequence[PlanePanel], view: PlaneView) -> Figure:
    """Draws I(X; T) by the noise, at the last epoch or at some, in a panel for each method.

    Args:
        panels: The columns.
        view: Choices of what is drawn; the epochs of ``at`` are drawn in one panel.

    Raises:
        ConfigError: If a panel has no profiles up to the last epoch.
    """
    panels = measured_panels(panels, NAMES, view, "profile")
    unit = unit_of(panels, view)
    panels = in_unit(panels, unit)
    layers = layer_names(panels)
    moments = sorted(view.moments)
    cells = [
        [
            profile
            for series in layer_series(panel.points, NAMES, view.seeds)
            for profile in _profiles(series, moments)
        ]
        for panel in panels
    ]
    profiles = [profile for cell in cells for profile in cell]
    limits = [max(p.estimates[NAMES[0]].ceiling for p in panel.points) for panel in panels]
    extents = [np.stack([SHARES, p.values + d], 1) for p in profiles for d in _bars(p)]
    ends = axis_ends(np.concatenate(extents), (math.inf, max(limits)))[1]
    grid = Grid(["I(X; T) by the noise"], [panel.title for panel in panels], 1, 0.0)
    for axis, cell, limit in zip(grid.axes[0][0], cells, limits, strict=True):
        _set_axis(axis, grid.columns)
        axis.set_ylim(ends)
        count = len({(profile.layer, profile.moment) for profile in cell})
        for profile in cell:
            colour, _ = layer_style(layers.index(profile.layer), len(layers))
            colour = shade(colour, _share(moments, profile.moment))
            _draw(axis, profile, colour, is_thin=len(cell) > count)
        grid.label(axis, "σ / radius of h", f"I(X; T)  [{unit}]")
        draw_limit(axis, "y", LIMITS[unit][0], limit)
    add_legend(grid.figure, _handles(layers, moments, profiles, unit))
    add_caption(grid.figure, panels, view)
    return grid.figure


def _profiles(series: LayerSeries, moments: Sequence[float]) -> list[Profile]:
    """The last profile up to each moment, where there is one."""
    indices = np.searchsorted(series.epochs, moments, side="right") - 1
    return [
        Profile(
            series.layer,
            float(series.epochs[index]),
            moment,
            series.values[index],
            series.spread[index],
            series.flags[index],
        )
        for index, moment in zip(indices, moments, strict=True)
        if index >= 0
    ]


def _share(moments: Sequence[float], moment: float) -> float:
    """0 for the first moment, 1 for the last one."""
    return moments.index(moment) / (len(moments) - 1) if len(moments) > 1 else 1.0


def _bars(profile: Profile) -> Any:
    return (profile.spread * [-1, 1]).T


def _set_axis(axis: Any, columns: int) -> None:
    """Gives the x-axis a logarithmic scale, with as many of the shares as there is room for."""
    axis.set_xscale("log")
    ticks = RADIUS_SHARES if columns <= 2 else RADIUS_SHARES[::2]
    axis.set_xticks(ticks, [f"{share:g}" for share in ticks])
    axis.set_xticks([], minor=True)
    axis.set_xlim(RADIUS_SHARES[0] / 1.25, RADIUS_SHARES[-1] * 1.25)


def _draw(axis: Any, profile: Profile, colour: Any, *, is_thin: bool) -> None:
    axis.plot(SHARES, profile.values, color=colour, lw=0.7 if is_thin else 1.4, zorder=2)
    if not is_thin:
        low, high = profile.values + _bars(profile)
        bars = [[(x, a), (x, b)] for x, a, b in zip(SHARES, low, high, strict=True)]
        axis.add_collection(LineCollection(bars, colors=[colour], linewidths=0.8, zorder=2))
    points = PathPoints(axis, 3)
    xy = np.stack([SHARES, profile.values], axis=1)
    points.add(xy, SHARES, profile.flags, [colour] * len(SHARES))


def _handles(
    layers: Sequence[str], moments: Sequence[float], profiles: Sequence[Profile], unit: str
) -> list[Any]:
    handles = layer_handles(layers, has_markers=False)
    for moment in moments:
        epochs = [profile.epoch for profile in profiles if profile.moment == moment]
        if epochs:
            first, last = min(epochs), max(epochs)
            label = f"epoch {first:g}" if first == last else f"epochs {first:g} to {last:g}"
            colour = shade("0.2", _share(moments, moment))
            handles.append(Line2D([], [], color=colour, label=label))
    handles += flag_handles(kind for profile in profiles for kind in profile.flags)
    limit = Line2D([], [], ls=":", color="k", lw=0.9, label=f"limit: {LIMITS[unit][0]}")
    return [*handles, limit]
