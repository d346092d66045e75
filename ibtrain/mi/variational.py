"""From samples to an estimate by a neural critic: splits, coordinates, closed form, fit, report."""

import math
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ibtrain.checks import check_choice
from ibtrain.errors import DataError
from ibtrain.mi.bases import Base, GaussianBase, ZeroBase, fit_student
from ibtrain.mi.bounds import dv, likelihood
from ibtrain.mi.critics import ClassCritic, PairCritic, SeparableCritic
from ibtrain.mi.marginals import fit_marginals
from ibtrain.mi.neural import (
    BOUNDS,
    LABEL_BOUNDS,
    FittedCritic,
    NeuralSettings,
    OnCheckpoint,
    fit_critic,
)
from ibtrain.mi.result import Estimate, flags_of
from ibtrain.mi.samples import Samples
from ibtrain.mi.scorer import LabelScorer, PairScorer, Scorer
from ibtrain.seeding import derive_seed, generator, seeded

__all__ = ["Splits", "VariationalFit", "fit_variational", "variational"]

Array = NDArray[np.float64]
CPU = torch.device("cpu")

SHARES = (0.7, 0.1)
"""Of the samples: what trains and what selects; the rest reports."""
FEWEST = 40
"""Samples below which there is nothing to split."""
RISING = 0.03
"""Nats by which the selection split's value may still rise over a fit's last third."""
OVERFIT = 0.1
"""Nats, or share of the value, by which the training split's value may exceed the report's."""
MEMORISED = 0.5
"""Nats, or share of the value, that the selection split may lose while the training split gains."""


@dataclass(frozen=True)
class Splits:
    """Indices of the samples that train the critic, select it and report its value."""

    train: Tensor
    select: Tensor
    report: Tensor

    @classmethod
    def draw(cls, count: int, seed: int) -> "Splits":
        """At random, by :data:`SHARES`."""
        if count < FEWEST:
            raise DataError(f"{count} samples", f"at least {FEWEST} for three splits", "x and y")
        order = torch.randperm(count, generator=generator(CPU, seed, "splits"))
        first, second = round(SHARES[0] * count), round(sum(SHARES) * count)
        return cls(order[:first], order[first:second], order[second:])


@dataclass(frozen=True)
class VariationalFit:
    """A fitted critic and what it reports.

    Args:
        estimate: The value on samples that neither trained nor selected the critic.
        fitted: The critic, and its curve.
        base: Name of the closed form that it started from.
    """

    estimate: Estimate
    fitted: FittedCritic
    base: str


def fit_variational(
    samples: Samples,
    method: str = "mine",
    settings: NeuralSettings | None = None,
    *,
    seed: int = 0,
    device: str = "cpu",
    on_checkpoint: OnCheckpoint | None = None,
) -> VariationalFit:
    """Fits a critic on one split, chooses its best moment on a second, reports on a third.

    Args:
        samples: x, and y continuous or a label.
        method: One of :data:`~ibtrain.mi.neural.BOUNDS`.
        settings: Critic, closed form, coordinates, optimisation.
        seed: Of splits, weights and batches.
        device: Where the critic lives.
        on_checkpoint: Called at each look at the selection split.

    Raises:
        ConfigError: A setting is out of range.
        DataError: There are too few samples.
    """
    settings = settings or NeuralSettings()
    check_choice("method", method, tuple(BOUNDS))
    start = time.perf_counter()
    splits = Splits.draw(len(samples), seed)
    with seeded(seed, "critic"):
        if samples.labels is None:
            scorer, critic, base = _pairs(samples, splits, settings, torch.device(device))
        else:
            scorer, critic, base = _labels(samples, splits, settings, torch.device(device))
    bounds = (BOUNDS if samples.labels is None else LABEL_BOUNDS)[method]
    fitted = fit_critic(
        critic,
        scorer,
        bounds,
        splits.train,
        splits.select,
        settings,
        derive_seed(seed, method),
        on_checkpoint,
    )
    pool = scorer.pool(fitted.critic, splits.report)
    ceiling = samples.label_entropy or math.log(len(splits.report))
    mi, stderr = pool.value_and_stderr(bounds.report)
    seen = scorer.pool(fitted.critic, splits.train[: len(splits.report)])
    flags = flags_of(mi, stderr, ceiling=ceiling, is_entropy=samples.labels is not None)
    flags += _fit_flags(fitted, seen.value(bounds.report) - mi, max(abs(mi), 1.0), stderr)
    estimate = Estimate(
        mi=mi,
        stderr=stderr,
        method=method,
        ceiling=ceiling,
        flags=flags,
        n_train=len(splits.train) + len(splits.select),
        n_test=len(splits.report),
        seconds=time.perf_counter() - start,
    )
    if samples.labels is not None:
        value, error = pool.value_and_stderr(likelihood)
        beside = replace(estimate, mi=value, stderr=error, method="entropy-less-cross-entropy")
        estimate = replace(estimate, beside=beside)
    return VariationalFit(estimate, fitted, base)


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


def _pairs(
    samples: Samples, splits: Splits, settings: NeuralSettings, device: torch.device
) -> tuple[Scorer, nn.Module, str]:
    train = splits.train.numpy()
    dim_x, dim_y = samples.x.shape[1], samples.y.shape[1]
    both = np.hstack([samples.x, samples.y])
    z = fit_marginals(both[train], normal_scores=settings.normal_scores)(both)
    inputs = torch.from_numpy(z).float().to(device)
    if settings.critic == "pair":
        critic: nn.Module = PairCritic(dim_x, dim_y, settings.hidden, zero_start=True)
    else:
        critic = SeparableCritic(dim_x, dim_y, settings.hidden, settings.embedding)
    critic = critic.to(device)
    scorers = []
    for base in _bases(z[train], dim_x, settings.base):
        prepared = torch.from_numpy(base.prepare(z)).to(device, _double(device))
        parts = [*inputs.split([dim_x, dim_y], dim=1), *prepared.split([dim_x, dim_y], dim=1)]
        scorers.append(PairScorer(parts[0], parts[1], base, parts[2], parts[3]))
    best = max(scorers, key=lambda scorer: scorer.pool(critic, splits.select).value(dv))
    return best, critic, best.base.name


def _bases(z: Array, dim_x: int, name: str) -> list[Base]:
    """The closed forms to choose from; too few samples leave none but the one that says nothing."""
    if name == "none" or len(z) <= 2 * z.shape[1]:
        return [ZeroBase()]
    if name == "auto":
        return [ZeroBase(), GaussianBase(z, dim_x), fit_student(z, dim_x)]
    return [GaussianBase(z, dim_x) if name == "gaussian" else fit_student(z, dim_x)]


def _labels(
    samples: Samples, splits: Splits, settings: NeuralSettings, device: torch.device
) -> tuple[Scorer, nn.Module, str]:
    assert samples.labels is not None
    train = splits.train.numpy()
    z = fit_marginals(samples.x[train], normal_scores=settings.normal_scores)(samples.x)
    classes = samples.labels.max() + 1
    # a class that the training split lacks keeps a prior, or its samples would count for nothing
    counts = np.bincount(samples.labels[train], minlength=classes).clip(min=0.5)
    log_prior = torch.from_numpy(np.log(counts / counts.sum())).float().to(device)
    critic = ClassCritic(z.shape[1], int(classes), settings.hidden, zero_start=True).to(device)
    labels = torch.from_numpy(samples.labels).to(device)
    return LabelScorer(torch.from_numpy(z).float().to(device), labels, log_prior), critic, "none"


def _double(device: torch.device) -> torch.dtype:
    # Apple's GPUs have no float64
    return torch.float32 if device.type == "mps" else torch.float64


def _fit_flags(fitted: FittedCritic, excess: float, scale: float, stderr: float) -> tuple[str, ...]:
    flags = []
    steps = fitted.curve[-1].step
    earlier = [point.select for point in fitted.curve if point.step <= 2 * steps / 3]
    if max(point.select for point in fitted.curve) - max(earlier) > RISING * scale:
        flags.append("not_converged")
    best, last = max(point.select for point in fitted.curve), fitted.curve[-1].select
    if excess > OVERFIT * scale + 3 * stderr or best - last > MEMORISED * scale:
        flags.append("overfit")
    return tuple(flags)
