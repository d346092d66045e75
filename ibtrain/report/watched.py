"""The plane of a watched model on one axis: a path for each layer."""

from collections.abc import Sequence
from typing import Any

from ibtrain.errors import ConfigError
from ibtrain.plane.point import PlanePoint
from ibtrain.report.quantities import PlaneAxes, axes_of
from ibtrain.report.style import MARKERS, PALETTE, new_figure, styled

__all__ = ["plot_points"]


@styled
def plot_points(points: Sequence[PlanePoint], ax: Any = None, measure: str | None = None) -> Any:
    """Draws the path of each layer; a filled marker is its last point, a white one a last point with flags.

    Args:
        points: Points of one model.
        ax: Axis to draw on; None creates a figure.
        measure: The measure to draw, by the name of one of its estimates or its title; None is the first one.

    Returns:
        The axis.

    Raises:
        ConfigError: If no measure of the points has such values.
    """
    axes = _choose(axes_of(points), measure)
    if ax is None:
        _, grid = new_figure(1, 1, 4.0)
        ax = grid[0, 0]
    for index, layer in enumerate(dict.fromkeys(point.layer for point in points)):
        path = [point for point in points if point.layer == layer]
        x, y = ([point.estimates[name].mi for point in path] for name in (axes.x, axes.y))
        colour, last = PALETTE[index % len(PALETTE)], path[-1].estimates
        flagged = bool(last[axes.x].flags or last[axes.y].flags)
        marker = MARKERS[index % len(MARKERS)]
        ax.plot(x, y, color=colour, lw=1, marker=".", ms=3)
        face = "white" if flagged else colour
        ax.plot(x[-1], y[-1], marker, color=colour, mfc=face, ms=7, label=layer)
    limits = points[-1].estimates
    for draw_line, name in ((ax.axvline, axes.x), (ax.axhline, axes.y)):
        draw_line(limits[name].ceiling, color="black", lw=0.8, ls=":")
    ax.plot([], [], color="black", lw=0.8, ls=":", label="limits: ln N, H(Y)")
    unit = limits[axes.x].unit
    ax.set(xlabel=f"I(X; T)  [{unit}]", ylabel=f"I(T; Y)  [{unit}]", title=axes.title)
    ax.legend(title="layer, at its last epoch", loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def _choose(drawable: Sequence[PlaneAxes], measure: str | None) -> PlaneAxes:
    for axes in drawable:
        if measure is None or measure in axes:
            return axes
    names = ", ".join(axes.x for axes in drawable) or "a measure with I(X; T) and I(T; Y)"
    raise ConfigError(repr(measure), f"one of {names}", "measure to plot")
