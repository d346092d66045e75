"""Values of a layer by epoch, of one seed or combined over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ibtrain.errors import ConfigError
from ibtrain.plane.point import PlanePoint
from ibtrain.report.moments import combined, layer_moments
from ibtrain.report.panels import PlanePanel
from ibtrain.report.view import PlaneView

__all__ = ["LayerSeries", "layer_names", "layer_series", "measured_panels"]


@dataclass(frozen=True)
class LayerSeries:
    """Values of a layer by epoch.

    Args:
        layer: Name of the layer.
        epochs: Epochs of the points, ``(n,)``.
        values: The values, ``(n, k)``.
        spread: Lengths of the bars below and above the values, ``(n, k, 2)``.
        flags: The flags of each value, of any seed, by epoch.
    """

    layer: str
    epochs: np.ndarray[Any, Any]
    values: np.ndarray[Any, Any]
    spread: np.ndarray[Any, Any]
    flags: tuple[tuple[frozenset[str], ...], ...]


def layer_series(
    points: Sequence[PlanePoint], names: Sequence[str], seeds: str
) -> list[LayerSeries]:
    """The series of each layer: at the epochs that all seeds recorded, and at the last points of the seeds.

    Args:
        points: Points of one method, with all values.
        names: Names of the values.
        seeds: ``mean`` or ``median`` over seeds, or ``all`` for a series of each seed.
    """
    series = []
    for layer, moments in layer_moments(points, seeds):
        pairs = [combined(moment, names, seeds) for moment in moments]
        flags = tuple(
            tuple(frozenset(f for point in moment for f in _flags(point, name)) for name in names)
            for moment in moments
        )
        series.append(
            LayerSeries(
                layer,
                np.array([max(point.epoch for point in moment) for moment in moments]),
                np.array([values for values, _ in pairs]),
                np.array([spread for _, spread in pairs]),
                flags,
            )
        )
    return series


def measured_panels(
    panels: Sequence[PlanePanel], names: Sequence[str], view: PlaneView, measure: str
) -> list[PlanePanel]:
    """The panels with only the points that have some values, up to the last epoch that is drawn.

    Args:
        panels: The panels of a picture.
        names: Names of the values.
        view: Chooses the last epoch.
        measure: Name of the measure of the values, for error messages.

    Raises:
        ConfigError: If a panel has no such points.
    """
    chosen = []
    for panel in panels:
        measured = [p for p in panel.points if {*names} <= {*p.scalars, *p.estimates}]
        title = " ".join(panel.title.split("\n"))
        if not measured:
            expected = f"a run with --measures {measure}"
            given = f"{panel.run or title}, which was not measured with {measure}"
            raise ConfigError(given, expected, f"--style {view.style}")
        first, last = min(p.epoch for p in measured), max(view.moments)
        if first > last:
            expected = f"an epoch from the first measured one, {first:g} ({title}), on"
            raise ConfigError(f"{last:g}", expected, "--at" if view.at else "--until")
        points = [point for point in measured if point.epoch <= last]
        chosen.append(replace(panel, points=points))
    return chosen


def layer_names(panels: Sequence[PlanePanel]) -> list[str]:
    """The names of all layers, in their order.

    Args:
        panels: The panels of a picture.
    """
    return list(dict.fromkeys(point.layer for panel in panels for point in panel.points))


def _flags(point: PlanePoint, name: str) -> tuple[str, ...]:
    estimate = point.estimates.get(name)
    return estimate.flags if estimate else ()
