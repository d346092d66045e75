"""Scores of samples by their indices: a closed form plus what a critic adds."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ibtrain.mi.bases import Base, ZeroBase
from ibtrain.mi.bounds import UNIFORM, Weights
from ibtrain.mi.pool import ScorePool, distances, label_pool, pair_pool, shifted_columns

__all__ = ["Batch", "LabelScorer", "PairScorer", "Scorer"]

Batch = tuple[Tensor, Tensor, Weights]
"""Scores of true pairs ``(n,)``, of others ``(n, k)``, and what each counts."""

GROUP = 2048
"""Samples of which every x meets every y when a value is read off: time and memory grow with
their number, not its square."""
BLOCK_PAIRS = 1 << 17
"""Pairs scored at once without gradients; a pair critic holds its hidden layer for each."""


class Scorer(ABC):
    """Samples at hand, which a critic scores by index."""

    @abstractmethod
    def batch(self, critic: nn.Module, index: Tensor) -> Batch:
        """The samples' scores, with gradients."""

    @abstractmethod
    def pool(self, critic: nn.Module, index: Tensor) -> ScorePool:
        """The scores from which a value is read, in float64 and without gradients."""

    @abstractmethod
    def closed_pool(self, index: Tensor) -> ScorePool | None:
        """The same of the closed form alone; None where there is none."""


@dataclass(frozen=True)
class PairScorer(Scorer):
    """Continuous y: every x of a batch meets every other's y.

    Args:
        x: What the critic reads of x, ``(samples, dim_x)``.
        y: What it reads of y, ``(samples, dim_y)``.
        base: The closed form.
        base_x: What that reads of x, in float64.
        base_y: What it reads of y, likewise.
        negatives: Other y that each x of a batch meets; None is all of them.
    """

    x: Float[Tensor, "samples dim_x"]
    y: Float[Tensor, "samples dim_y"]
    base: Base
    base_x: Float[Tensor, "samples base_x"]
    base_y: Float[Tensor, "samples base_y"]
    negatives: int | None = None

    def _matrix(self, critic: nn.Module | None, rows: Tensor, columns: Tensor) -> Tensor:
        # the closed form stays in float64: it may be a small difference of large numbers
        closed = self.base.matrix(self.base_x[rows], self.base_y[columns])
        if critic is None:
            return closed
        learned: Tensor = critic.matrix(self.x[rows], self.y[columns])  # type: ignore[operator]
        return _sum(closed, learned)

    def batch(self, critic: nn.Module, index: Int[Tensor, " n"]) -> Batch:
        """Every x of the batch with its own y, and with the others of the batch or some of them."""
        if self.negatives is not None and self.negatives < len(index) - 1:
            # the batch is in random order, so that fixed distances make random pairs
            shifts = [0, *distances(len(index), self.negatives)]
            scores: Tensor = critic.shifted(self.x[index], self.y[index], shifts)  # type: ignore[operator]
            if not isinstance(self.base, ZeroBase):
                closed = self.base.matrix(self.base_x[index], self.base_y[index])
                scores = _sum(shifted_columns(closed, shifts), scores)
            return scores[:, 0], scores[:, 1:], UNIFORM
        matrix = self._matrix(critic, index, index)
        count = len(index)
        # dropping the first entry makes each row of the rest end on the diagonal
        rest = matrix.flatten()[1:].view(count - 1, count + 1)[:, :-1].reshape(count, count - 1)
        return matrix.diagonal(), rest, UNIFORM

    @torch.no_grad()
    def pool(self, critic: nn.Module, index: Int[Tensor, " n"]) -> ScorePool:
        """Every x with every y of its group but its own; one group up to :data:`GROUP` samples."""
        return self._pool(critic, index)

    @torch.no_grad()
    def closed_pool(self, index: Int[Tensor, " n"]) -> ScorePool | None:
        """The closed form's, unless it says nothing."""
        return None if isinstance(self.base, ZeroBase) else self._pool(None, index)

    def _pool(self, critic: nn.Module | None, index: Tensor) -> ScorePool:
        groups = index.tensor_split(math.ceil(len(index) / GROUP))
        return pair_pool([self._all_pairs(critic, group) for group in groups])

    def _all_pairs(self, critic: nn.Module | None, group: Tensor) -> Tensor:
        rows = max(1, BLOCK_PAIRS // len(group))
        blocks = [self._matrix(critic, part, group).cpu().double() for part in group.split(rows)]
        return torch.cat(blocks)


def _sum(closed: Tensor, learned: Tensor) -> Tensor:
    return closed.to(torch.promote_types(learned.dtype, torch.float32)) + learned


@dataclass(frozen=True)
class LabelScorer(Scorer):
    """Discrete y: every x meets every class, each as often as it occurs in the training split.

    Args:
        x: What the critic reads, ``(samples, dim_x)``.
        labels: Each sample's class.
        log_prior: Logarithm of each class's share of the training split.
    """

    x: Float[Tensor, "samples dim_x"]
    labels: Int[Tensor, " samples"]
    log_prior: Float[Tensor, " classes"]

    def batch(self, critic: nn.Module, index: Int[Tensor, " n"]) -> Batch:
        """Every x of the batch with every class."""
        scores: Tensor = critic(self.x[index])
        joint = scores.gather(1, self.labels[index].unsqueeze(1)).squeeze(1)
        log_marginal = (self.log_prior - math.log(len(index))).expand_as(scores)
        return joint, scores, Weights(None, log_marginal)

    @torch.no_grad()
    def pool(self, critic: nn.Module, index: Int[Tensor, " n"]) -> ScorePool:
        """Every x with every class, each as frequent as it is among these samples."""
        scores: Tensor = critic(self.x[index])
        return label_pool(scores.cpu().double(), self.labels[index].cpu())

    def closed_pool(self, index: Int[Tensor, " n"]) -> None:
        """There is none: the critic starts from the classes' shares."""
