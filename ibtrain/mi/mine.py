"""MINE critics that are fitted to training activations and report held-out values."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ibtrain.mi.average import LogAverage
from ibtrain.mi.bounds import dv, dv_labels, ema_corrected, log_mean_exp
from ibtrain.mi.critics import ClassCritic, PairCritic, derangement
from ibtrain.mi.pool import ScorePool, label_pool, others
from ibtrain.mi.result import Estimate, flags_of
from ibtrain.optim import adam, cosine, set_rate
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
    reads_labels: bool

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
    def _pool(self, h: Tensor, labels: Tensor) -> ScorePool:
        """Scores of held-out pairs, all of them fixed."""

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
        self.scale = _best_scale(self._pool(h[select], labels[select]))
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
            set_rate(optimizer, LEARNING_RATE * cosine(step / steps))
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
        mi, stderr = self._pool(h, labels).scaled(self.scale).value_and_stderr(dv)
        flags = list(flags_of(mi, stderr, ceiling=ceiling, is_entropy=self.reads_labels))
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


def _best_scale(pool: ScorePool) -> float:
    """The scale with the highest bound, by a grid on which the concave bound has one top."""
    scales = [index / (GRID - 1) for index in range(GRID)]
    return max(scales, key=lambda scale: pool.scaled(scale).value(dv))


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
    reads_labels = True

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
    def _pool(self, h: Tensor, labels: Tensor) -> ScorePool:
        """Every sample meets every label of the evaluated samples, by enumeration."""
        scores = self._scores(h, generator(h.device, self.seed, "evaluate"))
        return label_pool(scores.cpu().double(), labels.cpu())


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

    reads_labels = False

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
    def _pool(self, h: Tensor, labels: Tensor) -> ScorePool:
        """Each h meets its own t, and then the t of samples at fixed distances in the list."""
        randomness = generator(h.device, self.seed, "evaluate")
        embedded_h = self.pair_critic.embed_x(self._standardise(h))
        embedded_t = self.pair_critic.embed_t(self._noisy(h, randomness))
        partners = others(len(h), NEGATIVES, torch.device("cpu"))
        joint, *marginal = (
            self.pair_critic.score(embedded_h, embedded_t.roll(-shift, 0)).cpu().double()
            for shift in (0, *partners[0].tolist())
        )
        return ScorePool(joint, torch.stack(marginal, dim=1), partners)
