"""The path of a layer on the plane, from the points of one seed or of several."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ibtrain.mi.result import Estimate
from ibtrain.plane.point import AUDIT_SUFFIX, PlanePoint
from ibtrain.report.moments import Moment, combined, layer_moments
from ibtrain.report.quantities import EXACT_VALUES, PlaneAxes

__all__ = ["SATURATED", "LayerPath", "layer_paths"]

SATURATED = frozenset({"above_ceiling", "above_label_entropy"})
"""Flags of a value that has reached the largest one that its samples can show."""
SIGNIFICANT_ERRORS = 3.0
"""Number of standard errors by which two values differ significantly."""


@dataclass(frozen=True)
class LayerPath:
    """The points of a layer, of one seed or combined over seeds.

    Args:
        layer: Name of the layer.
        seed: The seed; None if several are combined.
        epochs: Epochs of the points, ``(n,)``.
        xy: I(X; T) and I(T; Y), ``(n, 2)``.
        spread: Lengths of the bars below and above the values, ``(n, 2, 2)`` with the axis before the direction.
        flags: The flags of each point's values, of any seed.
        audits: Values of fresh critics that are significantly higher, by the index of their point.
        below: For each axis, whether the last value is significantly below the exact one.
    """

    layer: str
    seed: int | None
    epochs: np.ndarray[Any, Any]
    xy: np.ndarray[Any, Any]
    spread: np.ndarray[Any, Any]
    flags: tuple[frozenset[str], ...]
    audits: dict[int, np.ndarray[Any, Any]]
    below: tuple[bool, bool]

    def count_until(self, epoch: float) -> int:
        """Number of points up to an epoch."""
        return int(np.searchsorted(self.epochs, epoch, side="right"))

    @property
    def extent(self) -> np.ndarray[Any, Any]:
        """Everything that is drawn of the path, ``(m, 2)``: its points, its bars and its audits."""
        bars = self.xy[..., None] + self.spread * [-1, 1]
        return np.concatenate([self.xy, bars[..., 0], bars[..., 1], *self._audit_rows()])

    def _audit_rows(self) -> list[np.ndarray[Any, Any]]:
        return [audit[None] for audit in self.audits.values()]


def layer_paths(points: Sequence[PlanePoint], axes: PlaneAxes, seeds: str) -> list[LayerPath]:
    """Each layer's path: at the epochs that all seeds recorded, and at the last points of the seeds.

    Args:
        points: Points of one method.
        axes: The values that are drawn.
        seeds: ``mean`` or ``median`` over seeds, or ``all`` for a path of each seed.
    """
    return [_path(layer, moments, axes, seeds) for layer, moments in layer_moments(points, seeds)]


def _path(layer: str, moments: Sequence[Moment], axes: PlaneAxes, seeds: str) -> LayerPath:
    names = (axes.x, axes.y)
    pairs = [combined(moment, names, seeds) for moment in moments]
    return LayerPath(
        layer=layer,
        seed=moments[0][0].seed if len(moments[0]) == 1 else None,
        epochs=np.array([max(point.epoch for point in moment) for moment in moments]),
        xy=np.array([middle for middle, _ in pairs]),
        spread=np.array([spread for _, spread in pairs]),
        flags=tuple(
            frozenset(f for point in moment for name in names for f in point.estimates[name].flags)
            for moment in moments
        ),
        audits={
            index: higher
            for index, moment in enumerate(moments)
            if (higher := _audit(moment, names, seeds)) is not None
        },
        below=(_is_below(moments[-1], axes.x), _is_below(moments[-1], axes.y)),
    )


def _audit(moment: Moment, names: Sequence[str], seeds: str) -> Any:
    """Values of fresh critics, if every seed was audited and one of the two values is significantly higher."""
    tracked = [[point.estimates[name] for name in names] for point in moment]
    fresh = [[point.estimates.get(f"{name}{AUDIT_SUFFIX}") for name in names] for point in moment]
    if not all(estimate is not None for pair in fresh for estimate in pair):
        return None
    is_higher = [
        _is_higher([pair[axis] for pair in fresh], [pair[axis] for pair in tracked])  # type: ignore[misc]
        for axis in (0, 1)
    ]
    if not any(is_higher):
        return None
    combine = np.median if seeds == "median" else np.mean
    rows = [
        [(f if higher else t).mi for f, t, higher in zip(*pairs, is_higher, strict=True)]  # type: ignore[union-attr]
        for pairs in zip(fresh, tracked, strict=True)
    ]
    return combine(np.array(rows), axis=0)


def _is_higher(first: Sequence[Estimate], second: Sequence[Estimate]) -> bool:
    """Whether the mean of some estimates is significantly above the mean of others."""
    difference = sum(a.mi - b.mi for a, b in zip(first, second, strict=True))
    error = math.sqrt(sum(e.stderr**2 for e in (*first, *second)))
    return difference > SIGNIFICANT_ERRORS * error


def _is_below(moment: Moment, name: str) -> bool:
    """Whether a lower bound is significantly below the exact value, where both were measured."""
    exact = [point.estimates.get(EXACT_VALUES.get(name, "")) for point in moment]
    values = [estimate for estimate in exact if estimate is not None]
    return len(values) == len(exact) and _is_higher(values, [p.estimates[name] for p in moment])
