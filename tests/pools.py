"""The slow reference of pooled and grouped values: all pairs, each with its weight."""

from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from ibtrain.mi.bounds.base import UNIFORM, Bound, Weights
from ibtrain.mi.bounds.pooled import Scores


@dataclass(frozen=True)
class ScorePool(Scores):
    """Scores of any choice of pairs.

    Args:
        joint: Scores of true pairs, ``(n,)``.
        marginal: Row i: scores of ``x_i`` with k values of y, ``(n, k)``.
        partners: Which y those are, ``(n, k)``.
    """

    joint: Tensor
    marginal: Tensor
    partners: Tensor

    def __len__(self) -> int:
        return len(self.joint)

    def _no_weights(self) -> Tensor:
        return torch.zeros_like(self.joint)

    def means(self, bound: Bound, log_weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if log_weights is None:
            return bound.means(self.joint, self.marginal, UNIFORM)
        return bound.means(self.joint, self.marginal, self.weights(log_weights))

    def scaled(self, scale: float) -> "ScorePool":
        return ScorePool(scale * self.joint, scale * self.marginal, self.partners)

    def weights(self, log_weights: Tensor) -> Weights:
        """Of each pair, the product of its samples' weights."""
        log_marginal = log_weights.unsqueeze(1) + log_weights[self.partners]
        log_joint = log_weights.log_softmax(dim=0)
        return Weights(log_joint, log_marginal - log_marginal.flatten().logsumexp(dim=0))


def pair_pool(matrix: Tensor) -> ScorePool:
    """Every x with every y but its own, from a score of every x with every y."""
    rows = torch.arange(len(matrix))
    partners = (rows.unsqueeze(1) + rows[1:]) % len(matrix)
    return ScorePool(matrix.diagonal(), matrix.gather(1, partners), partners)


def pooled(pools: list[ScorePool]) -> ScorePool:
    """All groups' pairs in one pool."""
    starts = accumulate((len(pool) for pool in pools), initial=0)
    return ScorePool(
        torch.cat([pool.joint for pool in pools]),
        torch.cat([pool.marginal for pool in pools]),
        torch.cat([start + pool.partners for start, pool in zip(starts, pools, strict=False)]),
    )
