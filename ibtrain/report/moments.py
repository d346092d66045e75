"""The moments of a layer: its points of all seeds at one epoch, and their values together."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from ibtrain.plane.point import PlanePoint

__all__ = ["Moment", "combined", "layer_moments"]

Moment = Sequence[PlanePoint]
"""Points of a layer at one epoch, one for each seed."""


def layer_moments(points: Sequence[PlanePoint], seeds: str) -> list[tuple[str, list[Moment]]]:
    """Each layer's moments: the epochs that all seeds recorded, and the last points of the seeds.

    Args:
        points: Points of one method.
        seeds: ``mean`` or ``median`` over seeds, or ``all``, which returns the moments of each seed.
    """
    by_layer: dict[str, dict[int, dict[float, PlanePoint]]] = defaultdict(lambda: defaultdict(dict))
    for point in points:
        by_layer[point.layer][point.seed][point.epoch] = point
    moments: list[tuple[str, list[Moment]]] = []
    for layer, by_seed in by_layer.items():
        histories = [[seed[epoch] for epoch in sorted(seed)] for seed in by_seed.values()]
        if seeds == "all":
            moments += [(layer, [[point] for point in history]) for history in histories]
        else:
            moments.append((layer, _shared(histories)))
    return moments


def _shared(histories: Sequence[Sequence[PlanePoint]]) -> list[Moment]:
    """Points of all seeds at the epochs that all seeds recorded, and at each seed's last epoch."""
    before = [{point.epoch: point for point in history[:-1]} for history in histories]
    epochs = sorted(set.intersection(*(set(points) for points in before)))
    moments: list[Moment] = [[points[epoch] for points in before] for epoch in epochs]
    return [*moments, [history[-1] for history in histories]]


def combined(moment: Moment, names: Sequence[str], seeds: str) -> tuple[Any, Any]:
    """The values ``(k,)`` of the seeds' points together, and the lengths of their bars, ``(k, 2)``.

    Args:
        moment: The points.
        names: Names of the values.
        seeds: ``mean``, ``median`` or ``all``.
    """
    pairs = np.array([[_value(point, name) for name in names] for point in moment])
    values, errors = pairs[..., 0], pairs[..., 1]
    if len(values) == 1:
        return values[0], np.stack([errors[0], errors[0]], axis=1)
    if seeds == "median":
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
        return middle, np.stack([middle - low, high - middle], axis=1)
    std = values.std(axis=0, ddof=1)
    return values.mean(axis=0), np.stack([std, std], axis=1)


def _value(point: PlanePoint, name: str) -> tuple[float, float]:
    """A value and its standard error, which a plain number does not have."""
    if name in point.scalars:
        return point.scalars[name], 0.0
    estimate = point.estimates[name]
    return estimate.mi, estimate.stderr
