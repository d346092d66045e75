"""Critics that track a layer as it changes, and report held-out values."""

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
"""Directions and scales of a layer are computed from every second sample: values change by at most 0.02 nats."""
MIN_RELATIVE_VARIANCE = 0.01
"""Smallest variance that a unit is standardised by, relative to the mean variance of the layer."""
SCALE_GRID_SIZE = 41
"""Number of scales between 0 and 1 from which the scale of a critic's scores is selected."""
_EXTRA_STATE = ("fits", "seconds", "converged", "n_train", "scales")


class TrackedCritics(nn.Module, ABC):
    """K critics that are fitted repeatedly, and together, as a layer changes.

    Each fit continues from the critics of the last one (a warm start) on nine tenths of the activations, with
    the learning rate annealed to zero: without annealing, a reported critic would be a noisy iterate. The other
    tenth selects a factor in [0, 1] for the scores of each critic. A scaled critic is still a valid critic; its
    bound is concave in the scale, and zero at scale zero. Without scaling, an overconfident critic could cost
    thousands of nats. (Scales above 1 are excluded: a finite pool of negatives then underestimates the mean of
    the exponential ever more, and the value is too high.) Values come from a third split. Members share batches
    and noise, so that none depends on their number.

    Args:
        critics: Networks with the same architecture, one for each member.
        dim: Number of coordinates that they read.
        noise_stds: Standard deviation of the noise that is added to h to get t, for each member.
        seed: Seeds the batches and the noise.
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
        """The part of ``state_dict`` that is not tensors."""
        return {name: getattr(self, name) for name in _EXTRA_STATE}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restores what :meth:`get_extra_state` returned."""
        count = len(self.critics)
        check_integer("fits", state["fits"], 0)
        check_integer("n_train", state["n_train"], 0)
        check_number("seconds", state["seconds"], 0)
        for scale in state["scales"]:
            check_number("scale", scale, 0)
        if len(state["scales"]) != count or len(state["converged"]) != count:
            raise ValueError(f"expected the state of {count} critics")
        for name in _EXTRA_STATE:
            setattr(self, name, state[name])

    def set_noise(self, noise_stds: Sequence[float]) -> None:
        """Changes the standard deviations of the noise; call it before a fit."""
        self.noise_std.copy_(torch.tensor(noise_stds).view(-1, 1, 1))

    def _coordinates(self, h: Float[Tensor, "S n dim"], *, are_new: bool) -> Tensor:
        """The critics' input for a layer's samples; S is 1 if the members share the samples, otherwise K."""
        return h

    @abstractmethod
    def _bounds(self, h: Tensor, t: Tensor, labels: Tensor) -> Float[Tensor, " K"]:
        """Bound of each member on a batch of standardised h and t, with the gradient for its ascent."""

    @abstractmethod
    def _groups(self, member: int, h: Tensor, t: Tensor, labels: Tensor) -> list[Scores]:
        """Scores of a member for pairs of standardised h and t of samples in random order."""

    def _pairs(
        self, h: Tensor, randomness: torch.Generator, member: int | slice = slice(None)
    ) -> tuple[Tensor, Tensor]:
        """h and t, standardised by the variance of t: that of a dead unit is the noise variance, and not zero."""
        gain = 1 / self.std[member]
        noise = torch.randn(h.shape[-2:], generator=randomness, device=h.device, dtype=h.dtype)
        scaled = torch.addcmul(-self.mean[member] * gain, h, gain)
        return scaled, torch.addcmul(scaled, noise, self.noise_std[member] * gain)

    def fit(
        self,
        h: Float[Tensor, "*K n dim"],
        labels: Int[Tensor, " n"],
        *,
        steps: int,
        batch_size: int = 512,
    ) -> None:
        """Continues the training of the critics on activations.

        Args:
            h: Activations without noise, ``(n, dim)`` for all members or ``(K, n, dim)``. All fits must use the
                same samples in the same order, so that selection samples are never used for training.
            labels: Labels of the samples, ``(n,)``.
            steps: Number of optimiser steps.
            batch_size: Samples per step.
        """
        start = time.perf_counter()
        h = self._coordinates(h if h.dim() == 3 else h.unsqueeze(0), are_new=True)
        subset = h[:, ::STATISTICS_STRIDE]
        mean = subset.mean(dim=1, keepdim=True)
        variance = (subset - mean).square_().mean(dim=1, keepdim=True) + self.noise_std.square()
        self.mean = mean.expand_as(variance)
        # a unit that is rarely active must not get huge values when it is
        floor = MIN_RELATIVE_VARIANCE * variance.mean(dim=2, keepdim=True)
        self.std = variance.maximum(floor).clamp_min(1e-12).sqrt()
        count = h.shape[1]
        train, select = hold_out(count, generator(h.device, self.seed, "selection"), h.device)
        self._ascend(h, labels, train, steps, batch_size)
        scores = self._scores(h.index_select(1, select), labels[select])
        self.scales = [_best_scale(groups) for groups in scores]
        self.fits += 1
        self.n_train = len(train)
        self.seconds = time.perf_counter() - start

    def _ascend(
        self, h: Tensor, labels: Tensor, train: Tensor, steps: int, batch_size: int
    ) -> None:
        """Maximises the bounds on random batches of the training samples."""
        randomness = generator(h.device, self.seed, "fit", self.fits)
        shape = (min(batch_size, len(train)),)

        def bounds() -> Tensor:
            positions = torch.randint(len(train), shape, generator=randomness, device=h.device)
            batch = train.index_select(0, positions)
            pairs = self._pairs(h.index_select(1, batch), randomness)
            return self._bounds(*pairs, labels.index_select(0, batch))

        ascent = Ascent(steps, self.learning_rate)
        with self.critics.flat_parameters() as weights:
            # `bounds` draws its batches on the device, so that a CUDA graph includes them
            values = list(ascend(bounds, weights, repeat(()), ascent, [randomness]))
        self.converged = [not risen for risen in have_risen(torch.stack(values))]

    @torch.no_grad()
    def _scores(self, h: Tensor, labels: Tensor) -> Iterator[list[Scores]]:
        """The scores of each member for some samples."""
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
        """Bound of each member for x uniform over held-out samples, which were used neither to train nor to select.

        Args:
            h: Held-out activations without noise, ``(n, dim)`` for all members or ``(K, n, dim)``.
            labels: Labels of the samples, ``(n,)``.
            ceiling: Upper limit of the value: H(Y) for a label, ln n for an input. Values that reach it are flagged.
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
    """The smallest scale on a grid with the highest bound, by bisection: the bound is concave in the scale."""

    @cache
    def value(index: int) -> float:
        return value_of_groups(
            ([group.scaled(index / (SCALE_GRID_SIZE - 1))] for group in groups), dv
        )

    low, high = 0, SCALE_GRID_SIZE - 1
    while low < high:
        middle = (low + high) // 2
        if value(middle + 1) > value(middle):
            low = middle + 1
        else:
            high = middle
    return low / (SCALE_GRID_SIZE - 1)
