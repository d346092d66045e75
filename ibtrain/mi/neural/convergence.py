"""When a critic's value should not be trusted: rules and thresholds of ``not_converged`` and ``overfit``.

Critics of samples are compared on a selection split, whose value is the same for the same weights. Critics that follow
a layer have no such curve: their bounds on random batches are noisier, so that their rule is wider.
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
"""Nats, or share of the value, by which the selection split may rise over a fit's last third."""
BATCH_RISE = 0.1
"""Nats, or share of the value, by which the mean bound of batches may rise over a fit's last third."""
TRAIN_GAP = 0.1
"""Nats, or share of the value, by which the training split's value may exceed that of other samples."""
EARLY_STOP_GAP = 0.5
"""Nats below its best at which the selection split will not come back, and the fit stops early."""
CLOSED_FORM_SHARE = 0.9
"""Share of the best value that the closed form has from the start if it is what carries the value."""
OVERCONFIDENT_SCALE = 0.5
"""A critic whose scores the selection split scales by less than this has memorised its training split."""


@dataclass(frozen=True)
class CurvePoint:
    """A critic's value on both splits that it has seen, after a number of steps."""

    step: int
    train: float
    select: float


def best_of(curve: Sequence[CurvePoint]) -> CurvePoint:
    """The checkpoint with the highest value on the selection split, the first of equals."""
    return max(curve, key=lambda point: point.select)


def still_rises(curve: Sequence[CurvePoint], scale: float) -> bool:
    """Whether the selection split has risen over the last third of a fit.

    Args:
        curve: Every checkpoint, in order.
        scale: The value in nats, or 1 if it is smaller.
    """
    steps = curve[-1].step
    earlier = max(point.select for point in curve if point.step <= 2 * steps / 3)
    return best_of(curve).select - earlier > SELECTION_RISE * scale


def have_risen(values: Float[Tensor, "steps K"]) -> list[bool]:
    """Whether each critic's mean bound has risen from the second third of a fit to its last."""
    third = max(1, len(values) // 3)
    before, after = values[-2 * third : -third].mean(dim=0), values[-third:].mean(dim=0)
    risen: list[bool] = (after - before > BATCH_RISE * after.abs().clamp_min(1.0)).tolist()
    return risen


def has_memorised(curve: Sequence[CurvePoint], gap: float, stderr: float, scale: float) -> bool:
    """Whether the kept critic says more of its training split, or fell once it was no longer its start.

    Args:
        curve: Every checkpoint, in order.
        gap: By how much the value on training samples exceeds that on others, in nats.
        stderr: Standard error of the gap.
        scale: The value in nats, or 1 if it is smaller.
    """
    best = best_of(curve).select
    was_stopped = best - curve[-1].select > EARLY_STOP_GAP
    is_carried = curve[0].select >= CLOSED_FORM_SHARE * best
    return gap > TRAIN_GAP * scale + 3 * stderr or (was_stopped and not is_carried)
