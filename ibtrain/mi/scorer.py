"""Scores of samples by their indices: a closed form plus what a critic adds."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ibtrain.mi.bases import Base
from ibtrain.mi.bounds import UNIFORM, Weights
from ibtrain.mi.pool import ScorePool, label_pool, pair_pool

__all__ = ["Batch", "LabelScorer", "PairScorer", "Scorer"]

Batch = tuple[Tensor, Tensor, Weights]
"""Scores of true pairs ``(n,)``, of others ``(n, k)``, and what each counts."""

BLOCK_PAIRS = 1 << 17
"""Pairs scored at once without gradients; a pair critic holds its hidden layer for each."""


class Scorer(ABC):
    """Samples at hand, which a critic scores by index."""

    @abstractmethod
    def batch(self, critic: nn.Module, index: Tensor) -> Batch:
        """The samples' scores, with gradients."""

    @abstractmethod
    def pool(self, critic: nn.Module, index: Tensor) -> ScorePool:
        """Every pair's score, in float64 and without gradients."""


@dataclass(frozen=True)
class PairScorer(Scorer):
    """Continuous y: every x of a batch meets every other's y.

    Args:
        x: What the critic reads of x, ``(samples, dim_x)``.
        y: What it reads of y, ``(samples, dim_y)``.
        base: The closed form.
        base_x: What that reads of x, in float64.
        base_y: What it reads of y, likewise.
    """

    x: Float[Tensor, "samples dim_x"]
    y: Float[Tensor, "samples dim_y"]
    base: Base
    base_x: Float[Tensor, "samples base_x"]
    base_y: Float[Tensor, "samples base_y"]

    def _matrix(self, critic: nn.Module, rows: Tensor, columns: Tensor) -> Tensor:
        # the closed form stays in float64: it may be a small difference of large numbers
        closed = self.base.matrix(self.base_x[rows], self.base_y[columns])
        learned: Tensor = critic.matrix(self.x[rows], self.y[columns])  # type: ignore[operator]
        return closed.to(torch.promote_types(learned.dtype, torch.float32)) + learned

    def batch(self, critic: nn.Module, index: Int[Tensor, " n"]) -> Batch:
        """Every x of the batch with every y of it: the diagonal, and the rest row by row."""
        matrix = self._matrix(critic, index, index)
        count = len(index)
        # dropping the first entry makes each row of the rest end on the diagonal
        rest = matrix.flatten()[1:].view(count - 1, count + 1)[:, :-1].reshape(count, count - 1)
        return matrix.diagonal(), rest, UNIFORM

    @torch.no_grad()
    def pool(self, critic: nn.Module, index: Int[Tensor, " n"]) -> ScorePool:
        """Every x with every y but its own."""
        rows = max(1, BLOCK_PAIRS // len(index))
        blocks = [self._matrix(critic, part, index).cpu().double() for part in index.split(rows)]
        return pair_pool(torch.cat(blocks))


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
