"""From samples to an estimate by neural critics: a critic a fold, and what they report together."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ibtrain.checks import check_choice
from ibtrain.mi.bounds import likelihood
from ibtrain.mi.neural import (
    BOUNDS,
    HOPELESS,
    LABEL_BOUNDS,
    BoundPair,
    FittedCritic,
    NeuralSettings,
    OnCheckpoint,
    fit_critic,
)
from ibtrain.mi.pool import Bound
from ibtrain.mi.preparation import prepare
from ibtrain.mi.result import Estimate, flags_of
from ibtrain.mi.samples import Samples
from ibtrain.mi.splits import Splits, draw_splits
from ibtrain.seeding import derive_seed, seeded

__all__ = ["Fold", "VariationalFit", "fit_variational", "variational"]

LABEL_FOLDS = 3
RISING = 0.03
"""Nats, or share of the value, by which the selection split may rise over a fit's last third."""
OVERFIT = 0.1
"""Nats, or share of the value, by which the training split's value may exceed the report's."""
CARRIED = 0.9
"""Share of the best value that the closed form has from the start if it is what carries it."""


@dataclass(frozen=True)
class Fold:
    """One critic, and what it says of the samples that it never met.

    Args:
        base: Name of the closed form that it started from.
        fitted: The critic and its curve.
        reports: Value and standard error by bound.
        excess: By how much the value on its training split is larger.
        count: Samples that reported.
    """

    base: str
    fitted: FittedCritic
    reports: dict[Bound, tuple[float, float]]
    excess: float
    count: int


@dataclass(frozen=True)
class VariationalFit:
    """What the critics of all folds report together.

    Args:
        estimate: The mean of the folds' values, and its standard error.
        folds: A critic each.
    """

    estimate: Estimate
    folds: list[Fold]


def fit_variational(
    samples: Samples,
    method: str = "mine",
    settings: NeuralSettings | None = None,
    *,
    seed: int = 0,
    device: str = "cpu",
    on_checkpoint: OnCheckpoint | None = None,
) -> VariationalFit:
    """Fits critics on one split, chooses their best moment on a second, reports on a third.

    Args:
        samples: x, and y continuous or a label.
        method: One of :data:`~ibtrain.mi.neural.BOUNDS`.
        settings: Folds, critic, closed form, coordinates, optimisation.
        seed: Of splits, weights and batches.
        device: Where the critics live.
        on_checkpoint: Called at each look at the selection split.

    Raises:
        ConfigError: A setting is out of range.
        DataError: There are too few samples.
    """
    settings = settings or NeuralSettings()
    check_choice("method", method, tuple(BOUNDS))
    start = time.perf_counter()
    is_label = samples.labels is not None
    bounds = (LABEL_BOUNDS if is_label else BOUNDS)[method]
    folds, fewest = [], len(samples)
    count = settings.folds or (LABEL_FOLDS if is_label else 1)
    for index, splits in enumerate(draw_splits(len(samples), count, seed)):
        own = derive_seed(seed, method, "fold", index)
        folds.append(_fit_fold(samples, splits, bounds, settings, own, device, on_checkpoint))
        fewest = min(fewest, len(splits.report))
    mi, stderr = _mean(folds, bounds.report)
    ceiling = samples.label_entropy or math.log(fewest)
    estimate = Estimate(
        mi=mi,
        stderr=stderr,
        method=method,
        ceiling=ceiling,
        flags=flags_of(mi, stderr, ceiling=ceiling, is_entropy=is_label) + _fit_flags(folds, mi),
        n_train=len(splits.train) + len(splits.select),
        n_test=sum(fold.count for fold in folds),
        seconds=time.perf_counter() - start,
    )
    if is_label:
        value, error = _mean(folds, likelihood)
        beside = replace(estimate, mi=value, stderr=error, method="entropy-less-cross-entropy")
        estimate = replace(estimate, beside=beside)
    return VariationalFit(estimate, folds)


def variational(
    samples: Samples,
    *,
    method: str,
    seed: int = 0,
    device: str = "cpu",
    on_checkpoint: OnCheckpoint | None = None,
    **settings: Any,
) -> Estimate:
    """:func:`fit_variational`, of which only the estimate is wanted."""
    fit = fit_variational(
        samples,
        method,
        NeuralSettings(**settings),
        seed=seed,
        device=device,
        on_checkpoint=on_checkpoint,
    )
    return fit.estimate


def _fit_fold(
    samples: Samples,
    splits: Splits,
    bounds: BoundPair,
    settings: NeuralSettings,
    seed: int,
    device: str,
    on_checkpoint: OnCheckpoint | None,
) -> Fold:
    with seeded(seed, "critic"):
        ready = prepare(samples, splits, settings, torch.device(device))
    fitted = fit_critic(
        ready.critic,
        ready.scorer,
        bounds,
        splits.train,
        splits.select,
        settings,
        seed,
        on_checkpoint,
    )
    pool = ready.scorer.pool(fitted.critic, splits.report)
    read = {bounds.report} if samples.labels is None else {bounds.report, likelihood}
    reports = {bound: pool.value_and_stderr(bound) for bound in read}
    seen = ready.scorer.pool(fitted.critic, splits.train[: len(splits.report)])
    excess = seen.value(bounds.report) - reports[bounds.report][0]
    return Fold(ready.base, fitted, reports, excess, len(splits.report))


def _mean(folds: Sequence[Fold], bound: Bound) -> tuple[float, float]:
    """Folds report on disjoint samples, so that their errors add as those of independent ones."""
    values, errors = zip(*(fold.reports[bound] for fold in folds), strict=True)
    return sum(values) / len(folds), math.hypot(*errors) / len(folds)


def _fit_flags(folds: Sequence[Fold], mi: float) -> tuple[str, ...]:
    """What most of the critics show."""
    scale = max(abs(mi), 1.0)
    shown = {
        "not_converged": [_still_rises(fold.fitted, RISING * scale) for fold in folds],
        "overfit": [_has_memorised(fold, scale) for fold in folds],
    }
    return tuple(flag for flag, signs in shown.items() if 2 * sum(signs) > len(folds))


def _still_rises(fitted: FittedCritic, tolerance: float) -> bool:
    steps = fitted.curve[-1].step
    earlier = max(point.select for point in fitted.curve if point.step <= 2 * steps / 3)
    return fitted.best.select - earlier > tolerance


def _has_memorised(fold: Fold, scale: float) -> bool:
    """The kept critic says more of its own samples, or only memorised once it was no closed form."""
    ((_, stderr), *_) = fold.reports.values()
    curve, best = fold.fitted.curve, fold.fitted.best.select
    was_stopped = best - curve[-1].select > HOPELESS
    is_carried = curve[0].select >= CARRIED * best > 0
    excess = fold.excess > OVERFIT * scale + 3 * stderr
    return excess or (was_stopped and not is_carried)
