"""Critics that report on different samples, and what they say together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ibtrain.mi.bounds.base import Bound
from ibtrain.mi.neural.convergence import has_memorised, still_rises
from ibtrain.mi.neural.fit import FittedCritic

__all__ = ["Fold", "TrainGap", "fit_flags", "mean_of", "training_loss"]


class TrainGap(NamedTuple):
    """By how much a critic's own value on samples that it was trained on is larger than on others.

    Args:
        value: In nats.
        stderr: Its standard error.
        chance: That part of the standard error which comes of comparing fewer training samples than report.
    """

    value: float
    stderr: float
    chance: float = 0.0


@dataclass(frozen=True)
class Fold:
    """One critic, and what it says of the samples that it never met.

    Args:
        base: Name of the closed form that it started from.
        fitted: The critic and its curve.
        reports: Value and standard error by bound.
        train_gap: What the critic says more of samples that it was trained on.
        count: Samples that reported.
        groups: In how many groups they met each other.
    """

    base: str
    fitted: FittedCritic
    reports: dict[Bound, tuple[float, float]]
    train_gap: TrainGap
    count: int
    groups: int


def mean_of(folds: Sequence[Fold], bound: Bound) -> tuple[float, float]:
    """Folds report on disjoint samples, so that their errors add as those of independent ones."""
    values, errors = zip(*(fold.reports[bound] for fold in folds), strict=True)
    return sum(values) / len(folds), math.hypot(*errors) / len(folds)


def training_loss(fold: Fold) -> float:
    """What is lost because a critic was fitted to samples: half of what it says more of those than of others.

    With p parameters fitted to n samples by maximum likelihood, the mean log-likelihood of the same samples is
    p / 2n above the best there is, and that of others p / 2n below (Akaike, 1974). Of more samples than are compared
    the value is better known than the train_gap, of which two standard errors may be chance.
    """
    return 0.5 * max(fold.train_gap.value - 2 * fold.train_gap.chance, 0.0)


def fit_flags(folds: Sequence[Fold], mi: float) -> tuple[str, ...]:
    """What most of the critics show."""
    scale = max(abs(mi), 1.0)
    shown = {
        "not_converged": [still_rises(fold.fitted.curve, scale) for fold in folds],
        "overfit": [
            has_memorised(fold.fitted.curve, fold.train_gap.value, fold.train_gap.stderr, scale)
            for fold in folds
        ],
    }
    return tuple(flag for flag, signs in shown.items() if 2 * sum(signs) > len(folds))
