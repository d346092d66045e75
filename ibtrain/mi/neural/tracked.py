"""Critics that follow a layer as it changes, and report held-out values."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import repeat
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ibtrain.backend.ensemble import Ensemble
from ibtrain.backend.seeding import generator
from ibtrain.checks import check_integer, check_number
from ibtrain.mi.bounds.grouped import read_groups, value_of_groups
from ibtrain.mi.bounds.pooled import Scores
from ibtrain.mi.bounds.registry import dv
from ibtrain.mi.neural.ascent import Ascent, ascend
from ibtrain.mi.neural.convergence import OVERCONFIDENT_SCALE, have_risen
from ibtrain.mi.neural.splits import hold_out
from ibtrain.mi.result import Estimate, value_flags

__all__ = ["STATISTICS_STRIDE", "TrackedCritics"]

STATISTICS_STRIDE = 2
"""Every such sample shows a layer's directions and scales: the values stay within 0.02 nats of all samples'."""
MIN_RELATIVE_VARIANCE = 0.01
SCALE_STEPS = 41
_EXTRA = ("fits", "seconds", "converged", "n_train", "scales")


class TrackedCritics(nn.Module, ABC):
    """Critics that are fitted again and again as a layer changes, K of them as one.

    Each fit continues from the last one's critics (a warm start) on nine tenths of the activations,
    with the learning rate annealed to zero so that a reported critic is not a noisy iterate. The
    remaining tenth selects one number in [0, 1] for each, by which its scores are then scaled: a
    scaled critic is a critic, its bound is concave in the scale, and at zero it is zero, so that
    an overconfident critic costs nats and not thousands of them. (Above 1 a finite pool of
    negatives misses ever more of the exponential's mean, and flatters.) Values come from a third
    split. Members share batches and noise, so that none depends on how many there are.

    Args:
        critics: Networks of one shape, a member each.
        dim: Coordinates that they read.
        noise_stds: Of the noise that makes t from h, for each member.
        seed: Of batches and noise.
    """

    mean: Tensor
    std: Tensor
    noise_std: Tensor
    reads_labels: bool
    learning_rate: float

    def __init__(
        self, critics: Sequence[nn.Module], dim: int, noise_stds: Sequence[float], seed: int
    ) -> None:
        super().__init__()
        self.critics = Ensemble(critics)
        self.seed = seed
        self.fits = 0
        self.seconds = 0.0
        self.converged = [True] * len(critics)
        self.n_train = 0
        self.register_buffer("mean", torch.zeros(len(critics), 1, dim))
        self.register_buffer("std", torch.ones(len(critics), 1, dim))
        self.register_buffer("noise_std", torch.tensor(noise_stds).view(-1, 1, 1))
        self.scales = [1.0] * len(critics)

    def get_extra_state(self) -> dict[str, Any]:
        """What ``state_dict`` holds besides tensors."""
        return {name: getattr(self, name) for name in _EXTRA}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`get_extra_state`."""
        count = len(self.critics)
        check_integer("fits", state["fits"], 0)
        check_integer("n_train", state["n_train"], 0)
        check_number("seconds", state["seconds"], 0)
        for scale in state["scales"]:
            check_number("scale", scale, 0)
        if len(state["scales"]) != count or len(state["converged"]) != count:
            raise ValueError("critics of another number")
        for name in _EXTRA:
            setattr(self, name, state[name])

    def set_noise(self, noise_stds: Sequence[float]) -> None:
        """From the next fit on."""
        self.noise_std.copy_(torch.tensor(noise_stds).view(-1, 1, 1))

    def _coordinates(self, h: Float[Tensor, "S n dim"], *, are_new: bool) -> Tensor:
        """What the critics read of a layer; S is 1 where the members share their samples, or K."""
        return h

    @abstractmethod
    def _bounds(self, h: Tensor, t: Tensor, labels: Tensor) -> Float[Tensor, " K"]:
        """Every member's bound on a batch of standardised h and t, with the gradient that it ascends."""

    @abstractmethod
    def _groups(self, member: int, h: Tensor, t: Tensor, labels: Tensor) -> list[Scores]:
        """Scores of fixed pairs of standardised h and t, of samples in random order."""

    def _pairs(
        self, h: Tensor, randomness: torch.Generator, member: int | slice = slice(None)
    ) -> tuple[Tensor, Tensor]:
        """h and t, standardised by unit, noise included: a dead unit then has noise of size one, not of 1/0."""
        gain = 1 / self.std[member]
        noise = torch.randn(h.shape[-2:], generator=randomness, device=h.device, dtype=h.dtype)
        own = torch.addcmul(-self.mean[member] * gain, h, gain)
        return own, torch.addcmul(own, noise, self.noise_std[member] * gain)

    def fit(
        self,
        h: Float[Tensor, "*K n dim"],
        labels: Int[Tensor, " n"],
        *,
        steps: int,
        batch_size: int = 512,
    ) -> None:
        """Continues the critics on these activations.

        Args:
            h: Clean activations that the critics may learn from, ``(n, dim)`` for all or ``(K, n, dim)``;
                of the same samples at every fit, so that those that select never train.
            labels: Their classes, ``(n,)``.
            steps: Optimiser steps.
            batch_size: Samples a step.
        """
        start = time.perf_counter()
        h = self._coordinates(h if h.dim() == 3 else h.unsqueeze(0), are_new=True)
        seen = h[:, ::STATISTICS_STRIDE]
        mean = seen.mean(dim=1, keepdim=True)
        variance = (seen - mean).square_().mean(dim=1, keepdim=True) + self.noise_std.square()
        self.mean = mean.expand_as(variance)
        # a unit that hardly ever fires must not become huge when it does
        floor = MIN_RELATIVE_VARIANCE * variance.mean(dim=2, keepdim=True)
        self.std = variance.maximum(floor).clamp_min(1e-12).sqrt()
        count = h.shape[1]
        train, select = hold_out(count, generator(h.device, self.seed, "selection"))
        self._ascend(h, labels, train, steps, batch_size)
        scores = self._scores(h.index_select(1, select), labels[select])
        self.scales = [_best_scale(own) for own in scores]
        self.fits += 1
        self.n_train = len(train)
        self.seconds = time.perf_counter() - start

    def _ascend(
        self, h: Tensor, labels: Tensor, train: Tensor, steps: int, batch_size: int
    ) -> None:
        """Optimises the bounds on random batches of the training samples."""
        randomness = generator(h.device, self.seed, "fit", self.fits)
        shape = (min(batch_size, len(train)),)

        def bounds() -> Tensor:
            picked = torch.randint(len(train), shape, generator=randomness, device=h.device)
            batch = train.index_select(0, picked)
            pairs = self._pairs(h.index_select(1, batch), randomness)
            return self._bounds(*pairs, labels.index_select(0, batch))

        ascent = Ascent(steps, self.learning_rate)
        with self.critics.flat_parameters() as weights:
            # batches are drawn on the device, within the step
            values = list(ascend(bounds, weights, repeat(()), ascent, [randomness]))
        self.converged = [not risen for risen in have_risen(torch.stack(values))]

    @torch.no_grad()
    def _scores(self, h: Tensor, labels: Tensor) -> Iterator[list[Scores]]:
        """Each member's of these samples."""
        order = torch.randperm(
            len(labels), generator=generator(h.device, self.seed, "order"), device=h.device
        )
        h, labels = h.index_select(1, order), labels[order]
        for member in range(len(self.critics)):
            randomness = generator(h.device, self.seed, "evaluate")
            pairs = self._pairs(h[member % len(h)], randomness, member)
            yield self._groups(member, *pairs, labels)

    def evaluate(
        self, h: Float[Tensor, "*K n dim"], labels: Int[Tensor, " n"], ceiling: float
    ) -> list[Estimate]:
        """Each member's bound for x uniform over these samples, which neither trained nor selected it.

        Args:
            h: Clean held-out activations, ``(n, dim)`` for all or ``(K, n, dim)``.
            labels: Their classes, ``(n,)``.
            ceiling: H(Y) for a label, ln n for an input; touching it is flagged.
        """
        h = self._coordinates(h if h.dim() == 3 else h.unsqueeze(0), are_new=False)
        scores = self._scores(h, labels)
        return [self._estimate(member, groups, ceiling) for member, groups in enumerate(scores)]

    def _estimate(self, member: int, groups: list[Scores], ceiling: float) -> Estimate:
        start = time.perf_counter()
        scaled = ([group.scaled(self.scales[member])] for group in groups)
        (reading,) = read_groups(scaled, dv)
        mi, stderr = reading.value, reading.stderr
        flags = list(value_flags(mi, stderr, ceiling=ceiling, is_entropy=self.reads_labels))
        if not self.converged[member]:
            flags.append("not_converged")
        if self.scales[member] < OVERCONFIDENT_SCALE:
            flags.append("overfit")
        return Estimate(
            mi=mi,
            stderr=stderr,
            method="mine",
            ceiling=ceiling,
            flags=tuple(flags),
            n_train=self.n_train,
            n_test=sum(map(len, groups)),
            seconds=self.seconds / len(self.critics) + time.perf_counter() - start,
        )


def _best_scale(groups: list[Scores]) -> float:
    """The smallest scale with the highest bound on a grid, by bisection: the bound is concave."""

    @cache
    def value(index: int) -> float:
        return value_of_groups((group.scaled(index / (SCALE_STEPS - 1)) for group in groups), dv)

    low, high = 0, SCALE_STEPS - 1
    while low < high:
        middle = (low + high) // 2
        if value(middle + 1) > value(middle):
            low = middle + 1
        else:
            high = middle
    return low / (SCALE_STEPS - 1)
