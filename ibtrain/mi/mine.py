"""MINE critics that are fitted to training activations and report held-out values."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ibtrain.mi.average import LogAverage
from ibtrain.mi.bounds import dv_labels, ema_corrected, log_mean_exp
from ibtrain.mi.critics import ClassCritic, PairCritic, derangement
from ibtrain.mi.estimate import Estimate, flags_of
from ibtrain.optim import adam, cosine
from ibtrain.seeding import derive_seed, generator, seeded

__all__ = ["InputMine", "LabelMine"]

LABEL_HIDDEN = (256,)
PAIR_HIDDEN = (128, 64)
LEARNING_RATE = 2e-3
EMA_RATE = 0.1
NEGATIVES = 128
QUIET = 0.01
SELECTION_SHARE = 0.1
GRID = 41
OVERCONFIDENT = 0.5
"""A critic whose scores the selection split scales by less than this has memorised its training split."""
RISING = 0.1
"""Share of its value by which a bound may still rise over a fit's last third and count as converged."""


class _Mine(nn.Module, ABC):
    """A critic that is fitted again and again as the layer changes.

    Each fit continues from the last one's critic (a warm start) on nine tenths of the activations,
    with its learning rate annealed to zero so that the reported critic is not a noisy iterate. The
    remaining tenth selects one number in [0, 1], by which the critic's scores are then scaled: a
    scaled critic is a critic, its bound is concave in the scale, and at zero it is zero, so that
    an overconfident critic costs nats and not thousands of them. (Above 1 a finite pool of
    negatives misses ever more of the exponential's mean, and flatters.) Values come from a third
    split.

    Args:
        critic: What is fitted.
        noise_std: Of the noise that makes t from h.
        seed: Of batches, noise and derangements.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, critic: nn.Module, noise_std: float, seed: int) -> None:
        super().__init__()
        self.critic = critic
        self.noise_std = noise_std
        self.seed = seed
        self.fits = 0
        self.seconds = 0.0
        self.converged = True
        self.n_train = 0
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("std", torch.ones(()))
        self.scale = 1.0

    @abstractmethod
    def _bound(self, h: Tensor, labels: Tensor, randomness: torch.Generator) -> Tensor:
        """The bound on a batch, with the gradient that the critic ascends."""

    @abstractmethod
    def _pool(self, h: Tensor, labels: Tensor) -> "_Pool":
        """Scores of held-out pairs, all of them fixed."""

    @abstractmethod
    def _flags(self, mi: float, stderr: float, count: int, ceiling: float) -> tuple[str, ...]:
        """The flags that follow from the value."""

    def _standardise(self, h: Tensor) -> Tensor:
        """By unit, noise included: a dead unit then carries noise of size one, not of size 1/0."""
        return (h - self.mean) / self.std

    def _noisy(self, h: Tensor, randomness: torch.Generator) -> Tensor:
        if not self.noise_std:
            return self._standardise(h)
        noise = torch.randn(h.shape, generator=randomness, device=h.device, dtype=h.dtype)
        return self._standardise(h + self.noise_std * noise)

    def fit(
        self,
        h: Float[Tensor, "n dim"],
        labels: Int[Tensor, " n"],
        *,
        steps: int,
        batch_size: int = 512,
    ) -> None:
        """Continues the critic on these activations.

        Args:
            h: Clean activations that the critic may learn from, ``(n, dim)``; the same samples at
                every fit, so that those that select never train.
            labels: Their classes, ``(n,)``.
            steps: Optimiser steps.
            batch_size: Samples a step.
        """
        start = time.perf_counter()
        self.mean = h.mean(dim=0)
        variance = h.var(dim=0, correction=0) + self.noise_std**2
        # a unit that hardly ever fires must not become huge when it does
        self.std = variance.clamp_min(QUIET * variance.mean()).clamp_min(1e-12).sqrt()
        held = min(max(2, round(SELECTION_SHARE * len(h))), len(h) - 2)
        order = torch.randperm(
            len(h), generator=generator(h.device, self.seed, "selection"), device=h.device
        )
        self._ascend(h, labels, order[held:], steps, batch_size)
        select = order[:held]
        self.scale = self._pool(h[select], labels[select]).best_scale()
        self.fits += 1
        self.n_train = len(h) - held
        self.seconds = time.perf_counter() - start

    def _ascend(
        self, h: Tensor, labels: Tensor, train: Tensor, steps: int, batch_size: int
    ) -> None:
        """Optimises the bound on random batches of the training samples."""
        randomness = generator(h.device, self.seed, "fit", self.fits)
        optimizer = adam(self.critic.parameters(), LEARNING_RATE, h.device)
        shape = (steps, min(batch_size, len(train)))
        batches = torch.randint(len(train), shape, generator=randomness, device=h.device)
        values = []
        for step, batch in enumerate(train[batches].unbind()):
            for group in optimizer.param_groups:
                group["lr"] = LEARNING_RATE * cosine(step / steps)
            bound = self._bound(h[batch], labels[batch], randomness)
            optimizer.zero_grad()
            (-bound).backward()
            optimizer.step()
            values.append(bound.detach())
        self.converged = _has_converged(torch.stack(values))

    @torch.no_grad()
    def evaluate(
        self, h: Float[Tensor, "n dim"], labels: Int[Tensor, " n"], ceiling: float
    ) -> Estimate:
        """The bound, pooled over samples that neither trained nor selected the critic.

        Args:
            h: Clean held-out activations, ``(n, dim)``.
            labels: Their classes, ``(n,)``.
            ceiling: H(Y) for a label, ln n for an input; touching it is flagged.
        """
        start = time.perf_counter()
        pool = self._pool(h, labels)
        mi, influence = pool.bound(self.scale), pool.influence(self.scale)
        stderr = (influence.var(correction=1) / len(influence)).sqrt().item()
        flags = list(self._flags(mi, stderr, len(h), ceiling))
        if not self.converged:
            flags.append("not_converged")
        if self.scale < OVERCONFIDENT:
            flags.append("overfit")
        return Estimate(
            mi=mi,
            stderr=stderr,
            method="mine",
            ceiling=ceiling,
            flags=tuple(flags),
            n_train=self.n_train,
            n_test=len(h),
            seconds=self.seconds + time.perf_counter() - start,
        )


@dataclass(frozen=True)
class _Pool(ABC):
    """Scores of fixed held-out pairs, in float64 on the CPU.

    Args:
        joint: Scores of true pairs, ``(n,)``.
        marginal: Scores of negatives, ``(k, n)``.
        log_weights: Logarithm of each negative's share of the mean over k, ``(k, 1)``.
    """

    joint: Tensor
    marginal: Tensor
    log_weights: Tensor

    @abstractmethod
    def _as_second(self, shares: Tensor) -> Tensor:
        """What each sample adds to the marginal term as the second of a pair, ``(n,)``."""

    def _log_partition(self, scale: float) -> Tensor:
        scores = scale * self.marginal + self.log_weights
        return torch.logsumexp(scores.flatten(), dim=0) - math.log(len(self.joint))

    def bound(self, scale: float) -> float:
        """The bound of the critic whose scores are these, scaled."""
        return (scale * self.joint.mean() - self._log_partition(scale)).item()

    def influence(self, scale: float) -> Tensor:
        """Each sample's first-order contribution to the bound, ``(n,)``.

        The marginal term is a mean over pairs, so that a sample contributes to it twice: as the
        first of its own pairs, and as the second of others'.
        """
        log_partition = self._log_partition(scale)
        shares = (scale * self.marginal + self.log_weights - log_partition).exp()
        return scale * self.joint - shares.sum(dim=0) - self._as_second(shares)

    def best_scale(self) -> float:
        """The scale with the highest bound, by a grid on which the concave bound has one top."""
        return max((index / (GRID - 1) for index in range(GRID)), key=self.bound)


@dataclass(frozen=True)
class _LabelPool(_Pool):
    """Every sample meets every class; ``labels`` are the samples' own."""

    labels: Tensor

    def _as_second(self, shares: Tensor) -> Tensor:
        by_class = shares.mean(dim=1) / self.log_weights.squeeze(1).exp()
        return by_class[self.labels]


@dataclass(frozen=True)
class _InputPool(_Pool):
    """Row k pairs sample i with sample ``i + shifts[k]``."""

    shifts: tuple[int, ...]

    def _as_second(self, shares: Tensor) -> Tensor:
        rolled = [row.roll(shift) for row, shift in zip(shares, self.shifts, strict=True)]
        return torch.stack(rolled).sum(dim=0)


def _has_converged(values: Float[Tensor, " steps"]) -> bool:
    third = max(1, len(values) // 3)
    before, after = values[-2 * third : -third].mean(), values[-third:].mean()
    return bool(after - before <= RISING * after.abs().clamp_min(1.0))


class LabelMine(_Mine):
    r"""Held-out Donsker-Varadhan value of :math:`I(t; y)` (or of :math:`I(h; y)` with no noise).

    The critic scores every class at once and the label's marginal is exact: see
    :func:`~ibtrain.mi.bounds.dv_labels`.

    Args:
        dim: Dimension of the layer.
        log_prior: Logarithm of the classes' probabilities, ``(classes,)``, on the device used.
        noise_std: Standard deviation of the noise; 0 reads h itself.
        seed: Of everything random.
    """

    log_prior: Tensor

    def __init__(
        self, dim: int, log_prior: Float[Tensor, " classes"], noise_std: float, seed: int
    ) -> None:
        with seeded(seed, "label critic"):
            critic = ClassCritic(dim, len(log_prior), LABEL_HIDDEN)
        super().__init__(critic, noise_std, derive_seed(seed, "label"))
        self.register_buffer("log_prior", log_prior)
        self.to(log_prior.device)

    def _scores(self, h: Tensor, randomness: torch.Generator) -> Tensor:
        scores: Tensor = self.critic(self._noisy(h, randomness))
        return scores

    def _bound(self, h: Tensor, labels: Tensor, randomness: torch.Generator) -> Tensor:
        return dv_labels(self._scores(h, randomness), labels, self.log_prior)

    @torch.no_grad()
    def _pool(self, h: Tensor, labels: Tensor) -> _Pool:
        """Every sample meets every label of the evaluated samples, by enumeration."""
        scores = self._scores(h, generator(h.device, self.seed, "evaluate")).cpu().double()
        labels = labels.cpu()
        joint = scores.gather(1, labels.unsqueeze(1)).squeeze(1)
        counts = torch.bincount(labels, minlength=scores.shape[1]).double()
        return _LabelPool(joint, scores.T, (counts / len(labels)).log().unsqueeze(1), labels)

    def _flags(self, mi: float, stderr: float, count: int, ceiling: float) -> tuple[str, ...]:
        return flags_of(mi, stderr, n_test=count, label_entropy=ceiling)


class InputMine(_Mine):
    r"""Held-out Donsker-Varadhan value of :math:`I(x; t) = I(h; t)` (AA-MINE).

    h is a function of x and t depends on x through h alone, so that the critic sees (h, t).

    Args:
        dim: Dimension of the layer.
        noise_std: Standard deviation of the noise; above 0.
        seed: Of everything random.
        device: Where the critic lives.

    References:
        Elad et al. (OpenReview r1Nb5i05tX), AA-MINE.
    """

    def __init__(
        self,
        dim: int,
        noise_std: float,
        seed: int,
        device: torch.device,
        hidden: Sequence[int] = PAIR_HIDDEN,
    ) -> None:
        with seeded(seed, "pair critic"):
            critic = PairCritic(dim, dim, hidden, same_space=True)
        super().__init__(critic, noise_std, derive_seed(seed, "pair"))
        self.pair_critic = critic
        self.average = LogAverage(EMA_RATE)
        self.to(device)

    def _bound(self, h: Tensor, labels: Tensor, randomness: torch.Generator) -> Tensor:
        permutation = derangement(len(h), randomness, h.device)
        joint, marginal = self.pair_critic(
            self._standardise(h), self._noisy(h, randomness), permutation
        )
        log_partition = log_mean_exp(marginal)
        return ema_corrected(joint.mean(), log_partition, self.average.update(log_partition))

    @torch.no_grad()
    def _pool(self, h: Tensor, labels: Tensor) -> _Pool:
        """Each h meets its own t, and then the t of samples at fixed distances in the list."""
        randomness = generator(h.device, self.seed, "evaluate")
        embedded_h = self.pair_critic.embed_x(self._standardise(h))
        embedded_t = self.pair_critic.embed_t(self._noisy(h, randomness))
        negatives = min(NEGATIVES, len(h) - 1)
        shifts = tuple(1 + k * (len(h) - 1) // negatives for k in range(negatives))
        joint, *marginal = (
            self.pair_critic.score(embedded_h, embedded_t.roll(-shift, 0)).cpu().double()
            for shift in (0, *shifts)
        )
        log_weights = torch.full((negatives, 1), -math.log(negatives), dtype=torch.float64)
        return _InputPool(joint, torch.stack(marginal), log_weights, shifts)

    def _flags(self, mi: float, stderr: float, count: int, ceiling: float) -> tuple[str, ...]:
        return flags_of(mi, stderr, n_test=count)
