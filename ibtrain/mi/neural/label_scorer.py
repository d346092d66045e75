"""Scores of samples by their indices where y is a label."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from ibtrain.mi.bounds.base import Weights
from ibtrain.mi.bounds.pooled import LabelPool, Scores
from ibtrain.mi.marginals import Marginals
from ibtrain.mi.neural.scorer import Batch, Scorer
from ibtrain.mi.samples import Samples

__all__ = ["LabelScorer"]


@dataclass(frozen=True)
class LabelScorer(Scorer):
    """Discrete y: every x meets every class, each as often as it occurs in the training split.

    Args:
        x: What the critic reads, ``(samples, dim_x)``.
        labels: Each sample's class.
        log_prior: Logarithm of each class's share of the training split.
        marginals: The map of coordinates.
    """

    x: Float[Tensor, "samples dim_x"]
    labels: Int[Tensor, " samples"]
    log_prior: Float[Tensor, " classes"]
    marginals: Marginals

    @classmethod
    def at(
        cls, z: NDArray[np.float64], samples: Samples, marginals: Marginals, log_prior: Tensor
    ) -> "LabelScorer":
        """Of coordinates.

        Args:
            z: Those of x, ``(samples, dim_x)``.
            samples: Whose they are.
            marginals: What made them.
            log_prior: Logarithm of each class's share of the training split.
        """
        x, labels = torch.from_numpy(z).float(), torch.from_numpy(samples.labels)
        return cls(x.to(log_prior.device), labels.to(log_prior.device), log_prior, marginals)

    def batch(self, critic: nn.Module, index: Int[Tensor, " n"]) -> Batch:
        """Every x of the batch with every class."""
        scores: Tensor = critic(self.x.index_select(0, index))
        joint = scores.gather(1, self.labels[index].unsqueeze(1)).squeeze(1)
        log_marginal = (self.log_prior - math.log(len(index))).expand_as(scores)
        return joint, scores, Weights(None, log_marginal)

    @property
    def has_closed_form(self) -> bool:
        """There is none: the critic starts from the classes' shares."""
        return False

    def of(self, samples: Samples) -> "LabelScorer":
        """The same coordinates of other samples."""
        return self.at(self.marginals(samples.x), samples, self.marginals, self.log_prior)

    def groups(
        self, critics: Sequence[nn.Module | None], index: Int[Tensor, " n"], block: int = 1
    ) -> Iterator[Iterator[Scores]]:
        """Every x with every class, each as frequent as it is among these samples: a single group."""
        yield (self._pool(critic, index) for critic in critics if critic is not None)

    @torch.no_grad()
    def _pool(self, critic: nn.Module, index: Tensor) -> LabelPool:
        scores: Tensor = critic(self.x[index])
        return LabelPool(scores.cpu().double(), self.labels[index].cpu())
