"""Neural estimates from samples by cross-fitting: one critic per fold, and the mean of their values."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ibtrain.backend.gradients import differentiable
from ibtrain.backend.seeding import derive_seed, seeded
from ibtrain.checks import check_choice
from ibtrain.mi.bounds.base import Bound
from ibtrain.mi.bounds.pooled import BoundValue
from ibtrain.mi.bounds.registry import BOUNDS, likelihood
from ibtrain.mi.neural.control_variate import control_variate
from ibtrain.mi.neural.fit import (
    FittedCritic,
    NeuralSettings,
    OnCheckpoint,
    fit_critic,
)
from ibtrain.mi.neural.folds import Fold, TrainGap, fit_flags, mean_of, training_loss
from ibtrain.mi.neural.preparation import pair_scorer, prepare
from ibtrain.mi.neural.progress import CriticProgress
from ibtrain.mi.neural.reading import Source, read_values
from ibtrain.mi.neural.scorer import Scorer
from ibtrain.mi.neural.splits import Splits, draw_splits
from ibtrain.mi.result import Estimate, value_flags
from ibtrain.mi.samples import Samples, StoredSamples

__all__ = [
    "CrossFit",
    "FittedFold",
    "VariationalFit",
    "draw_folds",
    "fit_variational",
    "variational",
]

MIN_TRAIN_LIMIT = 1 << 17
"""Training samples that are kept even if the critic uses fewer: the closed form is fitted to them too."""
MAX_COMPARED = 1 << 13
"""Largest number of training samples on which a critic is evaluated to measure its train gap."""
LABEL_FOLDS = 3
"""Default number of critics for a label."""
SINGLE_CRITIC_FOLDS = 5
"""Folds of the samples with a single critic, which reports on one of them; its closed form reports on all."""


@dataclass(frozen=True)
class VariationalFit:
    """An estimate, and the critics of all folds.

    Args:
        estimate: The mean of the folds' values. Its standard error is the root of the sum of two squares: the
            sampling error, and the value that the critics lose because they were fitted to samples.
        folds: One critic per fold.
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
    progress: bool = False,
) -> VariationalFit:
    """Fits critics on a training split, selects a checkpoint on a second split, reports on a third one.

    A single critic reports on a fifth of the samples. Its closed form is fitted once for each fifth, reports
    on all samples, and reduces the variance of the critic's value (a control variate).

    Time grows with the number of samples; memory hardly does. A fit holds at most ``steps * batch_size``
    training samples (but at least 131,072), drawn at random, since its critic cannot use more, and at most
    10,240 selection samples. All reporting samples are used, and are read in chunks.

    Args:
        samples: x, and y, which is continuous or a label; in memory or on disk.
        method: A name in :data:`~ibtrain.mi.bounds.registry.BOUNDS`.
        settings: Settings of the folds, critic, closed form, coordinates and optimiser.
        seed: Seeds the splits, the initial weights and the batches.
        device: Device of the critics.
        on_checkpoint: Called with each checkpoint.
        progress: Whether a progress bar is shown, if there is a terminal or a notebook.

    Raises:
        ConfigError: If a setting is out of range.
        DataError: If there are too few samples.
    """
    settings = settings or NeuralSettings()
    check_choice("method", method, tuple(BOUNDS))
    start = time.perf_counter()
    is_label = samples.num_classes > 0
    bound = BOUNDS[method].for_labels if is_label else BOUNDS[method]
    splits, critics = draw_folds(samples, settings, seed)
    with (
        differentiable(),
        CriticProgress(critics, settings.steps, show=progress) as progress_bar,
    ):
        observers: list[OnCheckpoint] = [progress_bar, *([on_checkpoint] if on_checkpoint else [])]
        fit = CrossFit(samples, bound, settings, torch.device(device), observers)
        folds = [
            fit.fold(fold_splits, splits[critics:], derive_seed(seed, method, "fold", index))
            for index, fold_splits in enumerate(splits[:critics])
        ]
    mi, sampling = mean_of(folds, bound)
    # a critic that stays at zero has no sampling error; information below 1 / n still cannot be detected
    sampling = max(sampling, 1 / len(samples))
    lost = sum(map(training_loss, folds)) / len(folds)
    stderr = math.hypot(sampling, lost)
    fewest = min(len(fold_splits.report) for fold_splits in splits)
    if bound.has_group_limit:
        fewest //= max(fold.groups for fold in folds)
    ceiling = samples.label_entropy or math.log(fewest)
    estimate = Estimate(
        mi=mi,
        stderr=stderr,
        method=method,
        ceiling=ceiling,
        flags=value_flags(mi, stderr, ceiling=ceiling, is_entropy=is_label) + fit_flags(folds, mi),
        n_train=len(splits[0].train),
        n_select=len(splits[0].select),
        n_test=sum(fold.count for fold in folds),
        n_control=len(samples) if all(fold.is_controlled for fold in folds) else 0,
        critics=len(folds),
        seconds=time.perf_counter() - start,
        systematic=lost,
    )
    if is_label:
        estimate = replace(estimate, secondary=_likelihood_estimate(estimate, folds, lost))
    return VariationalFit(estimate, folds)


def draw_folds(
    samples: Samples | StoredSamples, settings: NeuralSettings, seed: int
) -> tuple[list[Splits], int]:
    """Draws the splits of all folds; returns them with the number of critics, which the first folds get.

    Args:
        samples: The samples.
        settings: Settings of the folds and of the training, which limits the samples that a critic can use.
        seed: Seeds the splits.
    """
    critics = settings.folds or (LABEL_FOLDS if samples.num_classes else 1)
    most = max(settings.steps * settings.batch_size, MIN_TRAIN_LIMIT)
    folds = critics if critics > 1 else SINGLE_CRITIC_FOLDS
    return list(draw_splits(len(samples), folds, seed, most, samples.block)), critics


def _likelihood_estimate(estimate: Estimate, folds: list[Fold], lost: float) -> Estimate:
    """The value of the same critics for a label as H(Y) minus their cross-entropy."""
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
    progress: bool = False,
    **settings: Any,
) -> Estimate:
    """The estimate of :func:`fit_variational`, without the critics."""
    fit = fit_variational(
        samples,
        method,
        NeuralSettings(**settings),
        seed=seed,
        device=device,
        on_checkpoint=on_checkpoint,
        progress=progress,
    )
    return fit.estimate


class FittedFold(NamedTuple):
    """The critic of a fold with the samples to which it was fitted.

    Args:
        scorer: Adds the critic's scores to those of the closed form.
        fitted: The critic and its checkpoints.
        base: Name of the closed form, as in the settings.
        samples: The training and selection samples.
        train: Indices of the training samples that are compared with the reporting samples.
    """

    scorer: Scorer
    fitted: FittedCritic
    base: str
    samples: Samples
    train: Tensor


@dataclass(frozen=True)
class CrossFit:
    """Fits the critics of all folds, with the same samples, bound and settings."""

    samples: Samples | StoredSamples
    bound: Bound
    settings: NeuralSettings
    device: torch.device
    observers: Sequence[OnCheckpoint]

    def fold(self, splits: Splits, other_folds: Sequence[Splits], seed: int) -> Fold:
        """Fits a critic and reports its value; its closed form also reports on ``other_folds``."""
        scorer, fitted, base, fit_samples, compared = self.fit(splits, seed)
        bound = self.bound
        critics = (
            [fitted.critic, None] if other_folds and scorer.has_closed_form else [fitted.critic]
        )
        plain, *closed = self._read(scorer, critics, splits.report, bound)
        on_train, *_ = scorer.read([fitted.critic], compared, bound)
        chance = on_train.stderr * math.sqrt(1 - len(compared) / len(splits.report))
        stderr = math.hypot(on_train.stderr, plain.stderr)
        train_gap = TrainGap(on_train.value - plain.value, stderr, chance)
        reports = {bound: (plain.value, plain.stderr)}
        count = len(splits.report)
        if self.samples.num_classes:
            (secondary,) = self._read(scorer, critics, splits.report, likelihood)
            reports[likelihood] = secondary.value, secondary.stderr
        groups = scorer.number_of_groups(len(splits.report))
        # frees memory for the samples of the other folds
        del fit_samples, scorer
        if closed:
            reports[bound] = control_variate(
                plain, closed[0], self._closed_values(other_folds, base)
            )
        return Fold(base, fitted, reports, train_gap, count, groups, is_controlled=bool(closed))

    def fit(self, splits: Splits, seed: int) -> FittedFold:
        """Fits a critic to the training split, and keeps the checkpoint that is best on the selection split."""
        samples, indices = self._load(splits)
        with seeded(seed, "critic"):
            prepared = prepare(samples, indices, self.settings, self.device)
        fitted = fit_critic(
            prepared.critic,
            prepared.scorer,
            self.bound,
            indices.train,
            indices.select,
            prepared.settings,
            seed,
            self.observers,
        )
        compared = indices.train[: min(len(splits.report), MAX_COMPARED)]
        return FittedFold(prepared.scorer, fitted, prepared.base, samples, compared)

    def closed_scorer(self, splits: Splits, base: str) -> Scorer:
        """A scorer with a closed form that is fitted to the splits, without a critic."""
        settings = replace(self.settings, base=base)
        return pair_scorer(*self._load(splits), settings, self.device)

    def _load(self, splits: Splits) -> tuple[Samples, Splits]:
        """The training and selection samples in memory, and their indices there."""
        loaded = self.samples.take(torch.cat([splits.train, splits.select]).numpy())
        train, select = torch.arange(len(loaded)).split([len(splits.train), len(splits.select)])
        return loaded, Splits(train, select, select[:0])

    def _closed_values(
        self, other_folds: Sequence[Splits], base: str
    ) -> Iterator[tuple[float, float]]:
        # the form that was selected for the critic: the control variate needs the same form on all folds
        for splits in other_folds:
            scorer = self.closed_scorer(splits, base)
            if scorer.has_closed_form:
                (reading,) = self._read(scorer, [None], splits.report, self.bound)
                yield reading.value, reading.stderr
            else:
                yield 0.0, 0.0

    def _read(
        self, scorer: Scorer, critics: Sequence[nn.Module | None], rows: Tensor, bound: Bound
    ) -> list[BoundValue]:
        """The value of each critic on samples that are read into memory in chunks."""
        return read_values([Source(self.samples, scorer, critics)], rows, bound)
