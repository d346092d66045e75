"""From samples to an estimate by neural critics: a critic a fold, and what they report together."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ibtrain.backend.gradients import differentiable
from ibtrain.backend.seeding import derive_seed, seeded
from ibtrain.checks import check_choice
from ibtrain.mi.bounds.base import Bound
from ibtrain.mi.bounds.grouped import read_groups
from ibtrain.mi.bounds.pooled import BoundValue, Scores
from ibtrain.mi.bounds.registry import BOUNDS, likelihood
from ibtrain.mi.neural.control_variate import control_variate
from ibtrain.mi.neural.fit import (
    NeuralSettings,
    OnCheckpoint,
    fit_critic,
)
from ibtrain.mi.neural.folds import Fold, TrainGap, fit_flags, mean_of, training_loss
from ibtrain.mi.neural.preparation import pair_scorer, prepare
from ibtrain.mi.neural.scorer import Scorer
from ibtrain.mi.neural.splits import Splits, draw_splits, split_evenly
from ibtrain.mi.result import Estimate, value_flags
from ibtrain.mi.samples import Samples, StoredSamples

__all__ = ["VariationalFit", "fit_variational", "variational"]

FEWEST_TRAIN = 1 << 17
"""Training samples that are kept however few the critic meets: they are the closed form's too."""
PIECE = 1 << 16
"""Samples that are brought into memory together to report."""
MOST_COMPARED = 1 << 13
"""Training samples, at most, that show how much more a critic says of those."""
PIECE_SCORES = 1 << 24
"""The same of scores, of which a label has one for each class."""
LABEL_FOLDS = 3
PARTS = 5
"""Of the samples, where a single critic reports on one of them, and its closed form on all."""


@dataclass(frozen=True)
class VariationalFit:
    """What the critics of all folds report together.

    Args:
        estimate: The mean of the folds' values. Its standard error is the root of two squares, of the error
            of sampling and of what the critics lose because they were fitted to samples.
        folds: A critic each.
    """

    estimate: Estimate
    folds: list[Fold]


def fit_variational(
    samples: Samples | StoredSamples,
    method: str = "mine",
    settings: NeuralSettings | None = None,
    *,
    seed: int = 0,
    device: str = "cpu",
    on_checkpoint: OnCheckpoint | None = None,
) -> VariationalFit:
    """Fits critics on one split, chooses their best moment on a second, reports on a third.

    Where one critic reports on a fifth of the samples, its closed form, fitted afresh for each fifth,
    reports on all, and takes that one fifth's luck out of the value.

    Time grows with the samples, memory hardly: a fit holds no more training samples than
    ``steps * batch_size`` (but at least 131,072), drawn at random, as many as its critic could meet, and
    no more than 10,240 that select. Those that report, all of their share, are read a piece at a time.

    Args:
        samples: x, and y continuous or a label; in memory, or wherever they lie.
        method: One of :data:`~ibtrain.mi.bounds.registry.BOUNDS`.
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
    is_label = samples.num_classes > 0
    bound = BOUNDS[method].for_labels if is_label else BOUNDS[method]
    critics = settings.folds or (LABEL_FOLDS if is_label else 1)
    most = max(settings.steps * settings.batch_size, FEWEST_TRAIN)
    parts = critics if critics > 1 else PARTS
    splits = list(draw_splits(len(samples), parts, seed, most, samples.block))
    task = _Task(samples, bound, settings, torch.device(device), on_checkpoint)
    with differentiable():
        folds = [
            task.fit(own, splits[critics:], derive_seed(seed, method, "fold", index))
            for index, own in enumerate(splits[:critics])
        ]
    mi, sampling = mean_of(folds, bound)
    # a critic that stays at zero does not vary with the samples, and can't tell less than this from nothing
    sampling = max(sampling, 1 / len(samples))
    lost = sum(map(training_loss, folds)) / len(folds)
    stderr = math.hypot(sampling, lost)
    fewest = min(len(own.report) for own in splits)
    if bound.has_group_limit:
        fewest //= max(fold.groups for fold in folds)
    ceiling = samples.label_entropy or math.log(fewest)
    estimate = Estimate(
        mi=mi,
        stderr=stderr,
        method=method,
        ceiling=ceiling,
        flags=value_flags(mi, stderr, ceiling=ceiling, is_entropy=is_label) + fit_flags(folds, mi),
        n_train=len(splits[0].train) + len(splits[0].select),
        n_test=sum(fold.count for fold in folds),
        seconds=time.perf_counter() - start,
    )
    if is_label:
        estimate = replace(estimate, secondary=_likelihood_reading(estimate, folds, lost))
    return VariationalFit(estimate, folds)


def _likelihood_reading(estimate: Estimate, folds: list[Fold], lost: float) -> Estimate:
    """What the same critics say of a label by their cross-entropy."""
    mi, sampling = mean_of(folds, likelihood)
    stderr = math.hypot(sampling, lost)
    flags = value_flags(mi, stderr, ceiling=estimate.ceiling, is_entropy=True)
    return replace(
        estimate,
        mi=mi,
        stderr=stderr,
        flags=flags + fit_flags(folds, mi),
        method="entropy-less-cross-entropy",
    )


def variational(
    samples: Samples | StoredSamples,
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


@dataclass(frozen=True)
class _Task:
    """What all folds of a fit have in common."""

    samples: Samples | StoredSamples
    bound: Bound
    settings: NeuralSettings
    device: torch.device
    on_checkpoint: OnCheckpoint | None

    def fit(self, splits: Splits, other_folds: Sequence[Splits], seed: int) -> Fold:
        """A critic of some splits; other_folds are those on which its closed form reports too."""
        known, own = self._known(splits)
        with seeded(seed, "critic"):
            ready = prepare(known, own, self.settings, self.device)
        fitted = fit_critic(
            ready.critic,
            ready.scorer,
            self.bound,
            own.train,
            own.select,
            ready.settings,
            seed,
            self.on_checkpoint,
        )
        bound = self.bound
        critics = (
            [fitted.critic, None]
            if other_folds and ready.scorer.has_closed_form
            else [fitted.critic]
        )
        plain, *closed = self._read(ready.scorer, critics, splits.report, bound)
        as_many = own.train[: min(len(splits.report), MOST_COMPARED)]
        seen, *_ = ready.scorer.read([fitted.critic], as_many, bound)
        chance = seen.stderr * math.sqrt(1 - len(as_many) / len(splits.report))
        stderr = math.hypot(seen.stderr, plain.stderr)
        train_gap = TrainGap(seen.value - plain.value, stderr, chance)
        reports = {bound: (plain.value, plain.stderr)}
        count = len(splits.report)
        if self.samples.num_classes:
            (secondary,) = self._read(ready.scorer, critics, splits.report, likelihood)
            reports[likelihood] = secondary.value, secondary.stderr
        base, groups = ready.base, ready.scorer.number_of_groups(len(splits.report))
        # these samples make room for those of the other parts
        del known, ready
        if closed:
            reports[bound] = control_variate(plain, closed[0], self._closed(other_folds, base))
            count = len(self.samples)
        return Fold(base, fitted, reports, train_gap, count, groups)

    def _known(self, splits: Splits) -> tuple[Samples, Splits]:
        """The samples that train and select, and where each of them now is."""
        known = self.samples.take(torch.cat([splits.train, splits.select]).numpy())
        train, select = torch.arange(len(known)).split([len(splits.train), len(splits.select)])
        return known, Splits(train, select, select[:0])

    def _closed(self, other_folds: Sequence[Splits], base: str) -> Iterator[tuple[float, float]]:
        # the form that the reporting part's selection chose, or the parts would not be alike
        settings = replace(self.settings, base=base)
        for splits in other_folds:
            scorer = pair_scorer(*self._known(splits), settings, self.device)
            if scorer.has_closed_form:
                (reading,) = self._read(scorer, [None], splits.report, self.bound)
                yield reading.value, reading.stderr
            else:
                yield 0.0, 0.0

    def _read(
        self, scorer: Scorer, critics: Sequence[nn.Module | None], rows: Tensor, bound: Bound
    ) -> list[BoundValue]:
        """What each critic says of samples that are brought into memory for it, a piece at a time."""

        def groups() -> Iterator[Iterator[Scores]]:
            size = max(1, min(PIECE, PIECE_SCORES // max(1, self.samples.num_classes)))
            for piece in split_evenly(rows, math.ceil(len(rows) / size), self.samples.block):
                samples = self.samples.take(piece.numpy())
                index = torch.arange(len(samples), device=scorer.device)
                yield from scorer.of(samples).groups(critics, index, samples.block)

        return read_groups(groups(), bound, self.samples.block)
