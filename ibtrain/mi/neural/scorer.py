"""Scores of samples, addressed by their indices: a closed form plus a critic."""

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
"""Scores of true pairs ``(n,)``, scores of other pairs ``(n, k)``, and their weights."""

GROUP_SIZE = 2048
"""Largest group of samples in which every x is scored with every y for a value: time and memory then grow
linearly with the number of samples, not with its square."""
BLOCK_PAIRS = 1 << 17
"""Pairs scored at once without gradients."""
PAIRED_GROUP_SIZE = 256
"""Group size of a pair critic if there are several groups: its time grows with the number of pairs."""
CHECKPOINT_NEGATIVES = 64
"""Number of other y that each x is scored with at a pair critic's checkpoints; reports use all y of a group."""
EMBEDDED_PAIRS = 1 << 20
"""Pairs scored at once by a separable critic in many groups: it embeds all y of a group again for each block."""


class Scorer(ABC):
    """Prepared samples on a device; a critic scores them by their indices."""

    x: Tensor

    @property
    def device(self) -> torch.device:
        """Device of the samples; the indices of a batch must be on it too."""
        return self.x.device

    @abstractmethod
    def batch(self, critic: nn.Module, index: Tensor) -> Batch:
        """Scores of the samples, with gradients."""

    @property
    @abstractmethod
    def has_closed_form(self) -> bool:
        """Whether there is a closed form other than zero."""

    @abstractmethod
    def groups(
        self, critics: Sequence[nn.Module | None], index: Tensor, block: int = 1
    ) -> Iterator[Iterator[Scores]]:
        """The scores of each group and critic, from which a value is computed, in float64 and without gradients.

        Args:
            critics: The critics; None is the closed form alone.
            index: Indices of the samples, in random order.
            block: Number of consecutive samples that may depend on each other: a group has at least two
                such blocks, from which the standard error is estimated.
        """

    def number_of_groups(self, count: int) -> int:
        """The number of groups for a number of samples."""
        return 1

    @abstractmethod
    def of(self, samples: Samples) -> "Scorer":
        """A scorer of other samples with the same coordinates and closed form."""

    def value(self, critic: nn.Module | None, index: Tensor, bound: Bound) -> float:
        """The bound of a critic on the samples; None is the closed form alone."""
        return value_of_groups(self.groups([critic], index.to(self.device)), bound)

    def read(
        self, critics: Sequence[nn.Module | None], index: Tensor, bound: Bound
    ) -> list[BoundValue]:
        """The bound of each critic with its influences on the samples; None is the closed form alone."""
        return read_groups(self.groups(critics, index.to(self.device)), bound)


@dataclass(frozen=True)
class PairScorer(Scorer):
    """Scorer for a continuous y: every x of a batch is scored with the y of all samples of the batch.

    Args:
        x: The critic's input of x, ``(samples, dim_x)``.
        y: The critic's input of y, ``(samples, dim_y)``.
        base: The closed form.
        base_x: The closed form's input of x, in float64.
        base_y: The closed form's input of y, in float64.
        inputs: The maps from coordinates to the critic's inputs of x, and of y.
        marginals: The map from x and y side by side to coordinates.
        negatives: Number of other y that each x of a batch is scored with; None is all of them.
        is_paired: Whether the critic's time grows with the number of pairs. Groups are then smaller, for the
            closed form too, because some bounds depend on the size of a group.
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
        """A scorer from coordinates.

        Args:
            z: Coordinates of x and y side by side, ``(samples, dim_x + dim_y)``.
            dim_x: Number of coordinates of x.
            base: The closed form.
            inputs: The maps from coordinates to the critic's inputs of x, and of y.
            marginals: The map that computed the coordinates.
            device: Device on which the scores are computed.
            negatives: Number of other y that each x of a batch is scored with; None is all of them.
            is_paired: Whether the critic's time grows with the number of pairs.
        """
        sides = zip(inputs, np.split(z, [dim_x], axis=1), strict=True)
        x, y = (
            torch.from_numpy(critic_input(side)).float().to(device) for critic_input, side in sides
        )
        closed = _closed_coordinates(base, z, dim_x, device)
        return cls(x, y, base, *closed, inputs, marginals, negatives, is_paired)

    def with_base(self, base: LogRatioModel, z: NDArray[np.float64]) -> "PairScorer":
        """The same scorer with another closed form.

        Args:
            base: The closed form.
            z: The coordinates that were passed to :meth:`at`.
        """
        closed = _closed_coordinates(base, z, self.base_x.shape[1], self.device)
        return replace(self, base=base, base_x=closed[0], base_y=closed[1])

    def of(self, samples: Samples) -> "PairScorer":
        """A scorer of other samples with the same coordinates and closed form."""
        z = self.marginals(np.hstack([samples.x, samples.y]))
        dim_x = samples.x.shape[1]
        options = self.marginals, self.x.device, self.negatives, self.is_paired
        return self.at(z, dim_x, self.base, self.inputs, *options)

    @property
    def has_closed_form(self) -> bool:
        """Whether the closed form is other than zero."""
        return not isinstance(self.base, Independent)

    def _matrix(self, critic: nn.Module | None, rows: Tensor, columns: Tensor) -> Tensor:
        # float64, because the closed form may be a small difference of large numbers
        closed = self.base.matrix(self.base_x[rows], self.base_y[columns])
        if critic is None:
            return closed
        learned: Tensor = critic.matrix(*self._read(rows, columns))  # type: ignore[operator]
        return _sum(closed, learned)

    def _read(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """The critic's inputs of some x, and of some y."""
        # four times as fast as indexing with brackets
        return self.x.index_select(0, rows), self.y.index_select(0, columns)

    def batch(self, critic: nn.Module, index: Int[Tensor, " n"]) -> Batch:
        """Scores of every x of the batch with its own y, and with all or some of the other y."""
        if self.negatives is not None and self.negatives < len(index) - 1:
            return self._some_pairs(critic, index, self.negatives)
        matrix = self._matrix(critic, index, index)
        return matrix.diagonal(), off_diagonal(matrix), UNIFORM

    def _some_pairs(self, critic: nn.Module, index: Tensor, negatives: int) -> Batch:
        """Scores of every x with its own y, and with a number of other y."""
        # the samples are in random order, so that fixed circular shifts give random pairs
        shifts = [0, *circular_shifts(len(index), negatives)]
        scores: Tensor = critic.shifted(*self._read(index, index), shifts)  # type: ignore[operator]
        if not isinstance(self.base, Independent):
            closed = self.base.matrix(self.base_x[index], self.base_y[index])
            scores = _sum(shifted_columns(closed, shifts), scores)
        joint, marginal = scores.split((1, len(shifts) - 1), dim=1)
        return joint.squeeze(1), marginal, UNIFORM

    def number_of_groups(self, count: int) -> int:
        """The number of groups for a number of samples: always one for up to :data:`GROUP_SIZE` samples."""
        size = PAIRED_GROUP_SIZE if self.is_paired else GROUP_SIZE
        return 1 if count <= GROUP_SIZE else math.ceil(count / size)

    @torch.no_grad()
    def value(self, critic: nn.Module | None, index: Int[Tensor, " n"], bound: Bound) -> float:
        """The bound of a critic on the samples; a pair critic is evaluated on a subset of the pairs."""
        if isinstance(critic, PairCritic):
            joint, marginal, weights = self._some_pairs(
                critic, index.to(self.device), CHECKPOINT_NEGATIVES
            )
            return bound(joint.double(), marginal.double(), weights).item()
        return super().value(critic, index, bound)

    def groups(
        self, critics: Sequence[nn.Module | None], index: Int[Tensor, " n"], block: int = 1
    ) -> Iterator[Iterator[Scores]]:
        """Scores of every x with every y of its group; one group for up to :data:`GROUP_SIZE` samples."""
        groups = split_evenly(index, self.number_of_groups(len(index)), block)
        for group in groups:
            yield self._of_group(critics, group, len(groups) > 1)

    def _of_group(
        self, critics: Sequence[nn.Module | None], group: Tensor, is_one_of_many: bool
    ) -> Iterator[Scores]:
        for critic in critics:
            yield ScoreBlock(self._all_pairs(critic, group, is_one_of_many))

    @torch.no_grad()
    def _all_pairs(self, critic: nn.Module | None, group: Tensor, is_one_of_many: bool) -> Tensor:
        is_large = is_one_of_many and isinstance(critic, SeparableCritic)
        rows = max(1, (EMBEDDED_PAIRS if is_large else BLOCK_PAIRS) // len(group))
        blocks = [self._matrix(critic, block, group).cpu().double() for block in group.split(rows)]
        return torch.cat(blocks)


def _closed_coordinates(
    base: LogRatioModel, z: NDArray[np.float64], dim_x: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """The closed form's inputs of x, and of y."""
    # Apple's GPUs have no float64
    double = torch.float32 if device.type == "mps" else torch.float64
    prepared = torch.from_numpy(base.prepare(z)).to(device, double)
    return prepared[:, :dim_x], prepared[:, dim_x:]


def _sum(closed: Tensor, learned: Tensor) -> Tensor:
    return closed.to(torch.promote_types(learned.dtype, torch.float32)) + learned
