"""Neural estimates of conditional mutual information by the chain rule, from two critics on the same samples."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ibtrain.backend.gradients import differentiable
from ibtrain.backend.seeding import derive_seed
from ibtrain.checks import check_choice
from ibtrain.mi.bounds.base import Bound
from ibtrain.mi.bounds.pooled import BoundValue
from ibtrain.mi.bounds.registry import BOUNDS
from ibtrain.mi.neural.control_variate import control_variate
from ibtrain.mi.neural.crossfit import CrossFit, FittedFold, draw_folds
from ibtrain.mi.neural.fit import NeuralSettings, OnCheckpoint
from ibtrain.mi.neural.folds import Fold, TrainGap, fit_flags, mean_of, training_loss
from ibtrain.mi.neural.preparation import for_dimensions
from ibtrain.mi.neural.progress import CriticProgress
from ibtrain.mi.neural.reading import Source, read_values
from ibtrain.mi.neural.scorer import Scorer
from ibtrain.mi.neural.splits import Splits
from ibtrain.mi.result import Estimate, value_flags
from ibtrain.mi.samples import Samples

__all__ = ["chain_rule"]


def chain_rule(
    terms: tuple[Samples, Samples],
    method: str = "mine",
    settings: NeuralSettings | None = None,
    *,
    seed: int = 0,
    device: str = "cpu",
    on_checkpoint: OnCheckpoint | None = None,
    progress: bool = False,
) -> Estimate:
    r"""Estimates conditional mutual information as the difference of two bounds with critics.

    .. math:: I(x; y \mid z) = I(x; y, z) - I(x; z)

    Critics of both terms are fitted to the same samples and evaluated on the same reporting samples, fold by fold. The
    sampling error is that of the difference: the influences of each sample on both values are subtracted, and so are
    the values of the closed forms, which are the control variate of the difference. The loss from fitting is the
    difference of what both critics lost.

    The difference of two lower bounds is not a bound: it is too high if the second critic misses more than the first.

    Args:
        terms: Samples of both terms, with the same rows: the variable x is ``y`` (or the label) in both.
        method: A name in :data:`~ibtrain.mi.bounds.registry.BOUNDS`.
        settings: Settings of the folds, critics, closed forms, coordinates and optimiser.
        seed: Seeds the splits, the initial weights and the batches.
        device: Device of the critics.
        on_checkpoint: Called with each checkpoint of every critic.
        progress: Whether a progress bar is shown, if there is a terminal or a notebook.

    Raises:
        ConfigError: If a setting is out of range.
        DataError: If there are too few samples.
    """
    settings = settings or NeuralSettings()
    check_choice("method", method, tuple(BOUNDS))
    start = time.perf_counter()
    first = terms[0]
    is_label = first.num_classes > 0
    bound = BOUNDS[method].for_labels if is_label else BOUNDS[method]
    splits, critics = draw_folds(first, settings, seed)
    with (
        differentiable(),
        CriticProgress(len(terms) * critics, settings.steps, show=progress) as progress_bar,
    ):
        observers: list[OnCheckpoint] = [progress_bar, *([on_checkpoint] if on_checkpoint else [])]
        fits = [
            CrossFit(samples, bound, of_term, torch.device(device), observers)
            for samples, of_term in zip(terms, _settings_of(terms, settings), strict=True)
        ]
        pair = _Pair(fits[0], fits[1], bound)
        folds = [
            pair.fold(fold_splits, splits[critics:], derive_seed(seed, method, "fold", index))
            for index, fold_splits in enumerate(splits[:critics])
        ]
    differences = [fold.difference for fold in folds]
    mi, sampling = mean_of(differences, bound)
    sampling = max(sampling, 1 / len(first))
    lost = abs(sum(map(_loss_of, folds)) / len(folds))
    stderr = math.hypot(sampling, lost)
    fewest = min(len(fold_splits.report) for fold_splits in splits)
    if bound.has_group_limit:
        fewest //= max(fold.groups for fold in differences)
    ceiling = first.label_entropy or math.log(fewest)
    flags = value_flags(mi, stderr, ceiling=ceiling, is_entropy=is_label)
    for of_term in zip(*(fold.terms for fold in folds), strict=True):
        flags += _flags_of_term(of_term, bound, math.inf if is_label else ceiling)
    return Estimate(
        mi=mi,
        stderr=stderr,
        method=method,
        ceiling=ceiling,
        flags=tuple(dict.fromkeys(flags)),
        n_train=len(splits[0].train),
        n_select=len(splits[0].select),
        n_test=sum(fold.count for fold in differences),
        n_control=len(first) if all(fold.is_controlled for fold in differences) else 0,
        critics=len(folds),
        seconds=time.perf_counter() - start,
        systematic=lost,
    )


@dataclass(frozen=True)
class _PairOfFolds:
    """A fold of both terms, and of their difference."""

    difference: Fold
    terms: tuple[Fold, Fold]


def _flags_of_term(folds: Sequence[Fold], bound: Bound, ceiling: float) -> tuple[str, ...]:
    """Flags of a term that are flags of the difference too."""
    value, error = mean_of(folds, bound)
    limits = value_flags(value, error, ceiling=ceiling)
    return fit_flags(folds, value) + tuple(flag for flag in limits if flag != "negative")


def _loss_of(fold: _PairOfFolds) -> float:
    """The value that the difference lost because both critics were fitted to samples."""
    losses = [training_loss(term) for term in fold.terms]
    return losses[0] - losses[1]


def _settings_of(
    terms: tuple[Samples, Samples], settings: NeuralSettings
) -> tuple[NeuralSettings, NeuralSettings]:
    """Both critics have the same architecture, so that they are evaluated on the same groups of samples."""
    if terms[0].num_classes:
        return settings, settings
    first = for_dimensions(settings, terms[0].x.shape[1] + terms[0].y.shape[1])
    return first, replace(first, learning_rate=settings.learning_rate)


@dataclass(frozen=True)
class _Pair:
    """Fits the critics of both terms, with the same bound and the same splits."""

    first: CrossFit
    second: CrossFit
    bound: Bound

    def fold(self, splits: Splits, other_folds: Sequence[Splits], seed: int) -> _PairOfFolds:
        """Fits both critics and reports their difference; the closed forms also report on ``other_folds``."""
        first, second = (fit.fit(splits, seed) for fit in (self.first, self.second))
        is_label = self.first.samples.num_classes > 0
        with_closed = bool(other_folds) and not is_label
        critics = [[fit.fitted.critic, *([None] if with_closed else [])] for fit in (first, second)]
        sources = [
            Source(cross_fit.samples, fit.scorer, of_fit)
            for cross_fit, fit, of_fit in zip(
                (self.first, self.second), (first, second), critics, strict=True
            )
        ]
        values = read_values(sources, splits.report, self.bound)
        half = len(values) // 2
        plain, *closed = map(_difference, values[:half], values[half:])
        folds = tuple(
            self._term(fit, value, splits.report)
            for fit, value in zip((first, second), values[::half], strict=True)
        )
        report = plain.value, plain.stderr
        count = len(splits.report)
        if closed:
            others = self._closed_values(other_folds, (first.base, second.base))
            report = control_variate(plain, closed[0], others)
        gap = folds[0].train_gap
        difference = Fold(
            "",
            first.fitted,
            {self.bound: report},
            gap,
            count,
            folds[0].groups,
            is_controlled=bool(closed),
        )
        return _PairOfFolds(difference, (folds[0], folds[1]))

    def _term(self, fit: FittedFold, value: BoundValue, report: Tensor) -> Fold:
        """One term with its value, and the difference from its value on training samples."""
        on_train, *_ = fit.scorer.read([fit.fitted.critic], fit.train, self.bound)
        chance = on_train.stderr * math.sqrt(1 - len(fit.train) / len(report))
        stderr = math.hypot(on_train.stderr, value.stderr)
        gap = TrainGap(on_train.value - value.value, stderr, chance)
        groups = fit.scorer.number_of_groups(len(report))
        reports = {self.bound: (value.value, value.stderr)}
        return Fold(fit.base, fit.fitted, reports, gap, len(report), groups)

    def _closed_values(
        self, other_folds: Sequence[Splits], bases: tuple[str, str]
    ) -> Iterator[tuple[float, float]]:
        """Difference of the closed forms, and its standard error, on each of the other folds."""
        for splits in other_folds:
            scorers: list[Scorer] = [
                fit.closed_scorer(splits, base)
                for fit, base in zip((self.first, self.second), bases, strict=True)
            ]
            sources = [
                Source(fit.samples, scorer, [None])
                for fit, scorer in zip((self.first, self.second), scorers, strict=True)
            ]
            first, second = read_values(sources, splits.report, self.bound)
            difference = _difference(first, second)
            yield difference.value, difference.stderr


def _difference(first: BoundValue, second: BoundValue) -> BoundValue:
    return BoundValue(first.value - second.value, first.influence - second.influence)
