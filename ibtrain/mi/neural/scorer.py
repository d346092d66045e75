"""Scores of samples by their indices: a closed form plus what a critic adds."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from ibtrain.mi.bounds.base import UNIFORM, Bound, Weights
from ibtrain.mi.bounds.grouped import ScoreBlock, read_groups, value_of_groups
from ibtrain.mi.bounds.pooled import (
    BoundValue,
    Scores,
    circular_shifts,
    off_diagonal,
    shifted_columns,
)
from ibtrain.mi.marginals import Marginals
from ibtrain.mi.neural.critics import PairCritic, SeparableCritic
from ibtrain.mi.neural.inputs import CriticInput
from ibtrain.mi.neural.log_ratios import Independent, LogRatioModel
from ibtrain.mi.neural.splits import split_evenly
from ibtrain.mi.samples import Samples

__all__ = ["Batch", "PairScorer", "Scorer"]

Batch = tuple[Tensor, Tensor, Weights]
"""Scores of true pairs ``(n,)``, of others ``(n, k)``, and what each counts."""

GROUP_SIZE = 2048
"""Samples of which every x meets every y when a value is read off: time and memory grow with
their number, not its square."""
BLOCK_PAIRS = 1 << 17
"""Pairs scored at once without gradients."""
PAIRED_GROUP_SIZE = 256
"""Samples of a group where a pair critic scores several: it pays for every pair."""
CHECKPOINT_NEGATIVES = 64
"""Other y that each x meets when a pair critic's checkpoint is looked at; a report takes all."""
EMBEDDED_PAIRS = 1 << 20
"""Pairs scored at once by a separable critic in many groups: for each block it embeds every y of a group again."""


class Scorer(ABC):
    """Samples at hand, which a critic scores by index, where they are."""

    x: Tensor

    @property
    def device(self) -> torch.device:
        """Where the samples are; the indices of a batch must be there too."""
        return self.x.device

    @abstractmethod
    def batch(self, critic: nn.Module, index: Tensor) -> Batch:
        """The samples' scores, with gradients."""

    @property
    @abstractmethod
    def has_closed_form(self) -> bool:
        """Whether there is a closed form that says something."""

    @abstractmethod
    def groups(
        self, critics: Sequence[nn.Module | None], index: Tensor, block: int = 1
    ) -> Iterator[Iterator[Scores]]:
        """The scores from which a value is read, in float64 and without gradients.

        Args:
            critics: Whose; None is the closed form alone.
            index: Samples, in random order.
            block: Consecutive samples that may depend on each other: a group holds two such blocks
                at least, so that their spread can be told.
        """

    def number_of_groups(self, count: int) -> int:
        """How many groups so many samples make."""
        return 1

    @abstractmethod
    def of(self, samples: Samples) -> "Scorer":
        """The same coordinates and closed form of other samples."""

    def value(self, critic: nn.Module | None, index: Tensor, bound: Bound) -> float:
        """A bound on the samples, of a critic or, None, of the closed form alone."""
        groups = self.groups([critic], index.to(self.device))
        return value_of_groups((group for scored in groups for group in scored), bound)

    def read(
        self, critics: Sequence[nn.Module | None], index: Tensor, bound: Bound
    ) -> list[BoundValue]:
        """What each critic says of the samples; None is the closed form alone."""
        return read_groups(self.groups(critics, index.to(self.device)), bound)


@dataclass(frozen=True)
class PairScorer(Scorer):
    """Continuous y: every x of a batch meets every other's y.

    Args:
        x: What the critic reads of x, ``(samples, dim_x)``.
        y: What it reads of y, ``(samples, dim_y)``.
        base: The closed form.
        base_x: What that reads of x, in float64.
        base_y: What it reads of y, likewise.
        inputs: What makes of coordinates what the critic reads of x, and of y.
        marginals: The map of coordinates, of x and y side by side.
        negatives: Other y that each x of a batch meets; None is all of them.
        is_paired: Whether the critic pays for every pair. Groups are then smaller, for the closed form too, as
            some bounds depend on how many samples meet.
    """

    x: Float[Tensor, "samples dim_x"]
    y: Float[Tensor, "samples dim_y"]
    base: LogRatioModel
    base_x: Float[Tensor, "samples base_x"]
    base_y: Float[Tensor, "samples base_y"]
    inputs: tuple[CriticInput, CriticInput]
    marginals: Marginals
    negatives: int | None = None
    is_paired: bool = False

    @classmethod
    def at(
        cls,
        z: NDArray[np.float64],
        dim_x: int,
        base: LogRatioModel,
        inputs: tuple[CriticInput, CriticInput],
        marginals: Marginals,
        device: torch.device,
        negatives: int | None = None,
        is_paired: bool = False,
    ) -> "PairScorer":
        """Of coordinates.

        Args:
            z: Those of x and y side by side, ``(samples, dim_x + dim_y)``.
            dim_x: How many of them are x.
            base: The closed form.
            inputs: What makes of them what the critic reads of x, and of y.
            marginals: What made them.
            device: Where the scores are computed.
            negatives: Other y that each x of a batch meets.
            is_paired: Whether the critic pays for every pair.
        """
        sides = zip(inputs, np.split(z, [dim_x], axis=1), strict=True)
        x, y = (torch.from_numpy(made_of(side)).float().to(device) for made_of, side in sides)
        closed = _closed_coordinates(base, z, dim_x, device)
        return cls(x, y, base, *closed, inputs, marginals, negatives, is_paired)

    def with_base(self, base: LogRatioModel, z: NDArray[np.float64]) -> "PairScorer":
        """The same scorer with another closed form.

        Args:
            base: The closed form.
            z: The coordinates, as :meth:`at` had them.
        """
        closed = _closed_coordinates(base, z, self.base_x.shape[1], self.device)
        return replace(self, base=base, base_x=closed[0], base_y=closed[1])

    def of(self, samples: Samples) -> "PairScorer":
        """The same coordinates and closed form of other samples."""
        z = self.marginals(np.hstack([samples.x, samples.y]))
        dim_x = samples.x.shape[1]
        own = self.marginals, self.x.device, self.negatives, self.is_paired
        return self.at(z, dim_x, self.base, self.inputs, *own)

    @property
    def has_closed_form(self) -> bool:
        """Whether the closed form says something."""
        return not isinstance(self.base, Independent)

    def _matrix(self, critic: nn.Module | None, rows: Tensor, columns: Tensor) -> Tensor:
        # the closed form stays in float64: it may be a small difference of large numbers
        closed = self.base.matrix(self.base_x[rows], self.base_y[columns])
        if critic is None:
            return closed
        learned: Tensor = critic.matrix(*self._read(rows, columns))  # type: ignore[operator]
        return _sum(closed, learned)

    def _read(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """What the critic reads of these x, and of these y."""
        # for a quarter of what brackets cost
        return self.x.index_select(0, rows), self.y.index_select(0, columns)

    def batch(self, critic: nn.Module, index: Int[Tensor, " n"]) -> Batch:
        """Every x of the batch with its own y, and with the others of the batch or some of them."""
        if self.negatives is not None and self.negatives < len(index) - 1:
            return self._some_pairs(critic, index, self.negatives)
        matrix = self._matrix(critic, index, index)
        return matrix.diagonal(), off_diagonal(matrix), UNIFORM

    def _some_pairs(self, critic: nn.Module, index: Tensor, negatives: int) -> Batch:
        """Every x with its own y, and with so many others."""
        # the samples are in random order, so that fixed circular_shifts make random pairs
        shifts = [0, *circular_shifts(len(index), negatives)]
        scores: Tensor = critic.shifted(*self._read(index, index), shifts)  # type: ignore[operator]
        if not isinstance(self.base, Independent):
            closed = self.base.matrix(self.base_x[index], self.base_y[index])
            scores = _sum(shifted_columns(closed, shifts), scores)
        joint, marginal = scores.split((1, len(shifts) - 1), dim=1)
        return joint.squeeze(1), marginal, UNIFORM

    def number_of_groups(self, count: int) -> int:
        """How many groups so many samples make: one up to :data:`GROUP_SIZE`, whatever the size of several."""
        size = PAIRED_GROUP_SIZE if self.is_paired else GROUP_SIZE
        return 1 if count <= GROUP_SIZE else math.ceil(count / size)

    @torch.no_grad()
    def value(self, critic: nn.Module | None, index: Int[Tensor, " n"], bound: Bound) -> float:
        """A bound on the samples; of a critic that reads pair by pair, on a part of the pairs."""
        if isinstance(critic, PairCritic):
            joint, marginal, weights = self._some_pairs(
                critic, index.to(self.device), CHECKPOINT_NEGATIVES
            )
            return bound(joint.double(), marginal.double(), weights).item()
        return super().value(critic, index, bound)

    def groups(
        self, critics: Sequence[nn.Module | None], index: Int[Tensor, " n"], block: int = 1
    ) -> Iterator[Iterator[Scores]]:
        """Every x with every y of its group but its own; one group up to :data:`GROUP_SIZE` samples."""
        parts = split_evenly(index, self.number_of_groups(len(index)), block)
        for part in parts:
            yield (ScoreBlock(self._all_pairs(critic, part, len(parts) > 1)) for critic in critics)

    @torch.no_grad()
    def _all_pairs(self, critic: nn.Module | None, group: Tensor, is_one_of_many: bool) -> Tensor:
        is_large = is_one_of_many and isinstance(critic, SeparableCritic)
        rows = max(1, (EMBEDDED_PAIRS if is_large else BLOCK_PAIRS) // len(group))
        blocks = [self._matrix(critic, part, group).cpu().double() for part in group.split(rows)]
        return torch.cat(blocks)


def _closed_coordinates(
    base: LogRatioModel, z: NDArray[np.float64], dim_x: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """What a closed form reads of x, and of y."""
    # Apple's GPUs have no float64
    double = torch.float32 if device.type == "mps" else torch.float64
    prepared = torch.from_numpy(base.prepare(z)).to(device, double)
    return prepared[:, :dim_x], prepared[:, dim_x:]


def _sum(closed: Tensor, learned: Tensor) -> Tensor:
    return closed.to(torch.promote_types(learned.dtype, torch.float32)) + learned
