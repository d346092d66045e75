"""Rules and thresholds of the flags ``not_converged`` and ``overfit``.

Critics of samples are evaluated on a selection split, whose value is a function of the weights alone. Critics that
follow a layer have no such curve: their bounds on random batches are noisier, so that their threshold is higher.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

__all__ = [
    "EARLY_STOP_GAP",
    "OVERCONFIDENT_SCALE",
    "CurvePoint",
    "best_of",
    "has_memorised",
    "have_risen",
    "still_rises",
]

SELECTION_RISE = 0.03
"""Nats, or share of the value, by which the value on the selection split may rise in the last third of a fit."""
BATCH_RISE = 0.1
"""Nats, or share of the value, by which the mean bound of batches may rise in the last third of a fit."""
TRAIN_GAP = 0.1
"""Nats, or share of the value, by which the value on the training split may exceed that on other samples."""
EARLY_STOP_GAP = 0.5
"""Nats below its best value at which the selection split no longer recovers, so that the fit stops early."""
CLOSED_FORM_SHARE = 0.9
"""Share of the best value from which the closed form alone counts as the source of the value."""
OVERCONFIDENT_SCALE = 0.5
"""Scale of the scores, chosen on the selection split, below which a critic has memorised its training split."""


@dataclass(frozen=True)
class CurvePoint:
    """A critic's values on the training and on the selection split after a number of steps."""

    step: int
    train: float
    select: float


def best_of(curve: Sequence[CurvePoint]) -> CurvePoint:
    """The checkpoint with the highest value on the selection split; the first one if several are equal."""
    return max(curve, key=lambda point: point.select)


def still_rises(curve: Sequence[CurvePoint], scale: float) -> bool:
    """Whether the value on the selection split has risen in the last third of a fit.

    Args:
        curve: All checkpoints, in order.
        scale: The value in nats, but at least 1.
    """
    steps = curve[-1].step
    earlier = max(point.select for point in curve if point.step <= 2 * steps / 3)
    return best_of(curve).select - earlier > SELECTION_RISE * scale


def have_risen(values: Float[Tensor, "steps K"]) -> list[bool]:
    """Whether each critic's mean bound has risen from the second third of a fit to the last third."""
    third = max(1, len(values) // 3)
    before, after = values[-2 * third : -third].mean(dim=0), values[-third:].mean(dim=0)
    risen: list[bool] = (after - before > BATCH_RISE * after.abs().clamp_min(1.0)).tolist()
    return risen


def has_memorised(curve: Sequence[CurvePoint], gap: float, stderr: float, scale: float) -> bool:
    """Whether the critic has overfitted: by the gap between its splits, or by a fall on the selection split.

    A fall does not count if the closed form, from which the critic starts, is the source of the value.

    Args:
        curve: All checkpoints, in order.
        gap: Value on training samples minus value on other samples, in nats.
        stderr: Standard error of the gap.
        scale: The value in nats, but at least 1.
    """
    best = best_of(curve).select
    was_stopped = best - curve[-1].select > EARLY_STOP_GAP
    is_carried = curve[0].select >= CLOSED_FORM_SHARE * best
    return gap > TRAIN_GAP * scale + 3 * stderr or (was_stopped and not is_carried)
