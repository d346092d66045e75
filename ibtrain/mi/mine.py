"""MINE critics that are fitted to training activations and report held-out values."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ibtrain.mi.average import LogAverage
from ibtrain.mi.bounds import ema_corrected, log_mean_exp, log_partition_labels
from ibtrain.mi.critics import ClassCritic, PairCritic, derangement
from ibtrain.mi.estimate import Estimate, flags_of
from ibtrain.seeding import derive_seed, generator, seeded

__all__ = ["InputMine", "LabelMine"]

HIDDEN = (256, 256)
LEARNING_RATE = 1e-3
EMA_RATE = 0.1
NEGATIVES = 64
RISING = 0.1
"""Share of its value by which a bound may still rise over a fit's last third and count as converged."""


def _standard_error(influence: Float[Tensor, " n"]) -> float:
    """Standard error of a statistic whose first-order contribution of each sample is given."""
    return (influence.var(correction=1) / len(influence)).sqrt().item()


class _Mine(nn.Module, ABC):
    """A critic, its running average and optimiser, fitted again and again as the layer changes.

    Each fit continues from the last one's critic (a warm start), with its learning rate annealed
    to zero so that the reported critic is not a noisy iterate.

    Args:
        critic: What is fitted.
        method: What its estimates are called.
        noise_std: Of the noise that makes t from h.
        seed: Of batches, noise and derangements.
    """

    def __init__(self, critic: nn.Module, method: str, noise_std: float, seed: int) -> None:
        super().__init__()
        self.critic = critic
        self.method = method
        self.noise_std = noise_std
        self.seed = seed
        self.average = LogAverage(EMA_RATE)
        self.fits = 0
        self.seconds = 0.0
        self.converged = True
        self.n_train = 0
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("std", torch.ones(()))

    mean: Tensor
    std: Tensor

    @abstractmethod
    def _terms(
        self, h: Tensor, labels: Tensor, randomness: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Mean joint score and log partition of a batch."""

    def _standardise(self, h: Tensor) -> Tensor:
        """By unit, noise included: a dead unit then carries noise of size one, not of size 1/0."""
        return (h - self.mean) / self.std

    def _noisy(self, h: Tensor, randomness: torch.Generator) -> Tensor:
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
            h: Clean activations that the critic may learn from, ``(n, dim)``.
            labels: Their classes, ``(n,)``.
            steps: Optimiser steps.
            batch_size: Samples a step.
        """
        start = time.perf_counter()
        self.mean = h.mean(dim=0)
        self.std = (h.var(dim=0, correction=0) + self.noise_std**2).sqrt().clamp_min(1e-6)
        randomness = generator(h.device, self.seed, "fit", self.fits)
        fused = h.device.type in ("cpu", "cuda")
        optimizer = torch.optim.Adam(self.critic.parameters(), lr=LEARNING_RATE, fused=fused)
        batch_size = min(batch_size, len(h))
        index = torch.randint(
            len(h), (steps, batch_size), generator=randomness, device=h.device
        )
        values = []
        self.critic.train()
        for step, batch in enumerate(index.unbind()):
            for group in optimizer.param_groups:
                group["lr"] = LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
            mean_joint, log_partition = self._terms(h[batch], labels[batch], randomness)
            average = self.average.update(log_partition)
            bound = ema_corrected(mean_joint, log_partition, average)
            optimizer.zero_grad()
            (-bound).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            values.append(bound.detach())
        self.fits += 1
        self.n_train = len(h)
        self.converged = _has_converged(torch.stack(values))
        self.seconds = time.perf_counter() - start

    @torch.no_grad()
    def evaluate(
        self, h: Float[Tensor, "n dim"], labels: Int[Tensor, " n"], ceiling: float
    ) -> Estimate:
        """The bound, pooled over samples that the critic was not fitted to.

        Args:
            h: Clean held-out activations, ``(n, dim)``.
            labels: Their classes, ``(n,)``.
            ceiling: H(Y) for a label, ln n for an input; touching it is flagged.
        """
        start = time.perf_counter()
        self.critic.eval()
        mi, influence = self._held_out(h, labels)
        stderr = _standard_error(influence)
        flags = self._flags(mi, stderr, len(h), ceiling)
        return Estimate(
            mi=mi,
            stderr=stderr,
            method=self.method,
            ceiling=ceiling,
            flags=flags if self.converged else (*flags, "not_converged"),
            n_train=self.n_train,
            n_test=len(h),
            seconds=self.seconds + time.perf_counter() - start,
        )

    @abstractmethod
    def _held_out(self, h: Tensor, labels: Tensor) -> tuple[float, Tensor]:
        """The pooled bound, and each sample's first-order contribution to it."""

    @abstractmethod
    def _flags(self, mi: float, stderr: float, count: int, ceiling: float) -> tuple[str, ...]:
        """The flags that follow from the value."""


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
            critic = ClassCritic(dim, len(log_prior), HIDDEN[:1])
        super().__init__(critic, "mine", noise_std, derive_seed(seed, "label"))
        self.register_buffer("log_prior", log_prior)
        self.to(log_prior.device)

    def _scores(self, h: Tensor, randomness: torch.Generator) -> Tensor:
        t = self._noisy(h, randomness) if self.noise_std else self._standardise(h)
        scores: Tensor = self.critic(t)
        return scores

    def _terms(
        self, h: Tensor, labels: Tensor, randomness: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        scores = self._scores(h, randomness)
        mean_joint = scores.gather(1, labels.unsqueeze(1)).mean()
        return mean_joint, log_partition_labels(scores, self.log_prior)

    def _held_out(self, h: Tensor, labels: Tensor) -> tuple[float, Tensor]:
        randomness = generator(h.device, self.seed, "evaluate")
        scores = self._scores(h, randomness).double()
        joint = scores.gather(1, labels.unsqueeze(1)).squeeze(1)
        log_partition = log_partition_labels(scores, self.log_prior.double())
        by_sample = torch.logsumexp(scores + self.log_prior, dim=1)
        influence = joint - (by_sample - log_partition).exp()
        return (joint.mean() - log_partition).item(), influence

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
        hidden: Sequence[int] = HIDDEN,
    ) -> None:
        with seeded(seed, "pair critic"):
            critic = PairCritic(dim, dim, hidden)
        super().__init__(critic, "mine", noise_std, derive_seed(seed, "pair"))
        self.pair_critic = critic
        self.to(device)

    def _terms(
        self, h: Tensor, labels: Tensor, randomness: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        permutation = derangement(len(h), randomness, h.device)
        joint, marginal = self.pair_critic(
            self._standardise(h), self._noisy(h, randomness), permutation
        )
        return joint.mean(), log_mean_exp(marginal)

    def _held_out(self, h: Tensor, labels: Tensor) -> tuple[float, Tensor]:
        """Each h meets its own t and then the t of fixed other samples, all pooled.

        The pool is a mean over pairs, so a sample contributes as an h (its row) and as a t (its
        column); both are in its influence.
        """
        randomness = generator(h.device, self.seed, "evaluate")
        embedded_h = self.pair_critic.embed_x(self._standardise(h))
        embedded_t = self.pair_critic.embed_t(self._noisy(h, randomness))
        joint = self.pair_critic.score(embedded_h, embedded_t).double()
        count = len(h)
        negatives = min(NEGATIVES, count - 1)
        shifts = (1 + torch.arange(negatives) * (count - 1) // negatives).tolist()
        rolled = [
            self.pair_critic.score(embedded_h, embedded_t.roll(-shift, 0)).double()
            for shift in shifts
        ]
        marginal = torch.stack(rolled)
        log_partition = log_mean_exp(marginal)
        weights = (marginal - log_partition).exp()
        as_h = weights.mean(dim=0)
        as_t = torch.stack(
            [row.roll(shift) for row, shift in zip(weights, shifts, strict=True)]
        ).mean(dim=0)
        return (joint.mean() - log_partition).item(), joint - as_h - as_t

    def _flags(self, mi: float, stderr: float, count: int, ceiling: float) -> tuple[str, ...]:
        return flags_of(mi, stderr, n_test=count)
