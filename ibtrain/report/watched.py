"""The plane of a watched model on one axis: a path for each layer."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ibtrain.config import PlaneConfig
from ibtrain.errors import ConfigError
from ibtrain.plane.measures import measure_class
from ibtrain.plane.point import PlanePoint
from ibtrain.report.epochs import epoch_share
from ibtrain.report.legend import layer_handles, legend_options, mark_handles, shade_handle
from ibtrain.report.limits import axis_ends, draw_limit
from ibtrain.report.mpl import Figure
from ibtrain.report.paths import LayerLine, layer_style
from ibtrain.report.points import layer_paths
from ibtrain.report.quantities import PlaneAxes, axes_of, choose_axes
from ibtrain.report.style import LIMITS, screen_figure, styled

__all__ = ["plot_points"]

NOISE = "σ"


def plot_points(points: Sequence[PlanePoint], ax: Any = None, measure: str | None = None) -> Any:
    """Draws the path of each layer, as in the pictures of runs: a large marker is its last point, a white one has flags.

    Args:
        points: Points of one model.
        ax: Axis to draw on; None creates a figure, which a notebook shows below the cell.
        measure: The measure to draw, by its name, that of one of its estimates or its title; None is the first one,
            which is the exact one if that was measured.

    Returns:
        The axis.

    Raises:
        ConfigError: If there are no points, or if no measure of the points has such values.
    """
    if not points:
        raise ConfigError("no points", "some: measure first", "plot")
    drawable = axes_of(points)
    axes, *_ = choose_axes(drawable, [measure or (drawable[0].measure if drawable else "")])
    figure = screen_figure(4.0) if ax is None else None
    return _plot(points, axes, figure or ax)


@styled
def _plot(points: Sequence[PlanePoint], axes: PlaneAxes, place: Any) -> Any:
    """Draws on an axis, or on a new one of a figure."""
    ax = place.add_subplot() if isinstance(place, Figure) else place
    paths = layer_paths(points, axes, "mean")
    last = max(point.epoch for point in points)
    for index, path in enumerate(paths):
        line = LayerLine(ax, path, layer_style(index, len(paths)), epoch_share(last))
        line.show(math.inf)
    limits = [points[-1].estimates[name] for name in (axes.x, axes.y)]
    unit = limits[0].unit
    ceilings = [estimate.ceiling for estimate in limits]
    x_ends, y_ends = axis_ends(np.concatenate([path.extent for path in paths]), ceilings)
    labels = [f"{quantity}  [{unit}]" for quantity in axes.labels]
    ax.set(xlim=x_ends, ylim=y_ends, xlabel=labels[0], ylabel=labels[1])
    ax.set_title(f"{axes.title}\n{_samples(points, axes)}")
    for direction, name, ceiling in zip("xy", LIMITS[unit], ceilings, strict=True):
        draw_limit(ax, direction, name, ceiling)
    handles = [
        *layer_handles([path.layer for path in paths]),
        shade_handle([point.epoch for point in points]),
    ]
    handles += mark_handles(paths)
    ax.legend(
        **legend_options(handles),
        title="layer, at its last epoch",
        loc="center left",
        bbox_to_anchor=(1.04, 0.5),
    )
    return ax


def _samples(points: Sequence[PlanePoint], axes: PlaneAxes) -> str:
    """The number of samples, and the noise where the values depend on it."""
    has_noise = NOISE in measure_class(axes.measure).conditions(PlaneConfig(), NOISE)
    sigmas = sorted(p.scalars["sigma"] for p in points if has_noise and "sigma" in p.scalars)
    ends = (
        list(dict.fromkeys(f"{sigma:.2g}" for sigma in (sigmas[0], sigmas[-1]))) if sigmas else []
    )
    noise = [f"{NOISE} = {' to '.join(ends)}"] if ends else []
    return ", ".join([f"N = {points[-1].estimates[axes.x].n_test}", *noise])
