"""Critics of different folds, and their mean value, training loss and flags."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ibtrain.mi.bounds.base import Bound
from ibtrain.mi.neural.convergence import has_memorised, still_rises
from ibtrain.mi.neural.fit import FittedCritic

__all__ = ["Fold", "TrainGap", "fit_flags", "mean_of", "training_loss"]


class TrainGap(NamedTuple):
    """Difference between a critic's value on training samples and its value on reporting samples.

    Args:
        value: Difference in nats.
        stderr: Standard error of the difference.
        chance: Part of the standard error that arises if fewer training samples are compared than report.
    """

    value: float
    stderr: float
    chance: float = 0.0


@dataclass(frozen=True)
class Fold:
    """One critic, and its values on samples that were not used to fit it.

    Args:
        base: Name of the closed form that the critic started from.
        fitted: The critic and its checkpoints.
        reports: Value and standard error of each bound.
        train_gap: Difference between the values on training and reporting samples.
        count: Number of reporting samples.
        groups: Number of groups of reporting samples; only pairs within a group are scored.
        is_controlled: Whether the closed form, measured on all samples, is the control variate of the value.
    """

    base: str
    fitted: FittedCritic
    reports: dict[Bound, tuple[float, float]]
    train_gap: TrainGap
    count: int
    groups: int
    is_controlled: bool = False


def mean_of(folds: Sequence[Fold], bound: Bound) -> tuple[float, float]:
    """Mean value and its standard error; folds report on disjoint samples, so that their errors are independent."""
    values, errors = zip(*(fold.reports[bound] for fold in folds), strict=True)
    return sum(values) / len(folds), math.hypot(*errors) / len(folds)


def training_loss(fold: Fold) -> float:
    """The value that is lost because a critic was fitted to samples: half of its train gap.

    With p parameters fitted to n samples by maximum likelihood, the mean log-likelihood of the same samples is
    p / 2n above that of the best parameters, and that of other samples p / 2n below (Akaike, 1974). If fewer
    training samples are compared than report, two standard errors of the gap may be due to that choice, and are
    subtracted.
    """
    return 0.5 * max(fold.train_gap.value - 2 * fold.train_gap.chance, 0.0)


def fit_flags(folds: Sequence[Fold], mi: float) -> tuple[str, ...]:
    """Flags that apply to more than half of the critics."""
    scale = max(abs(mi), 1.0)
    flagged = {
        "not_converged": [still_rises(fold.fitted.curve, scale) for fold in folds],
        "overfit": [
            has_memorised(fold.fitted.curve, fold.train_gap.value, fold.train_gap.stderr, scale)
            for fold in folds
        ],
    }
    return tuple(flag for flag, votes in flagged.items() if 2 * sum(votes) > len(folds))
