"""Scores of samples, addressed by their indices, if y is a label."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from ibtrain.mi.bounds.labels import label_scores
from ibtrain.mi.bounds.pooled import LabelPool, Scores
from ibtrain.mi.marginals import Marginals
from ibtrain.mi.neural.scorer import Batch, Scorer
from ibtrain.mi.samples import Samples

__all__ = ["LabelScorer"]


@dataclass(frozen=True)
class LabelScorer(Scorer):
    """Scorer for a label y: every x is scored with every class, weighted by its share of the training split.

    Args:
        x: The critic's input, ``(samples, dim_x)``.
        labels: Class of each sample.
        log_prior: Logarithm of each class's share of the training split.
        marginals: The map from x to coordinates.
    """

    x: Float[Tensor, "samples dim_x"]
    labels: Int[Tensor, " samples"]
    log_prior: Float[Tensor, " classes"]
    marginals: Marginals

    @classmethod
    def at(
        cls, z: NDArray[np.float64], samples: Samples, marginals: Marginals, log_prior: Tensor
    ) -> "LabelScorer":
        """A scorer from coordinates, on the device of ``log_prior``.

        Args:
            z: Coordinates of x, ``(samples, dim_x)``.
            samples: The samples, whose labels are used.
            marginals: The map that computed the coordinates.
            log_prior: Logarithm of each class's share of the training split.
        """
        x, labels = torch.from_numpy(z).float(), torch.from_numpy(samples.labels)
        return cls(x.to(log_prior.device), labels.to(log_prior.device), log_prior, marginals)

    def batch(self, critic: nn.Module, index: Int[Tensor, " n"]) -> Batch:
        """Scores of every x of the batch with every class."""
        scores: Tensor = critic(self.x.index_select(0, index))
        return label_scores(scores, self.labels[index], self.log_prior)

    @property
    def has_closed_form(self) -> bool:
        """Always false: the critic starts from the shares of the classes."""
        return False

    def of(self, samples: Samples) -> "LabelScorer":
        """A scorer of other samples with the same coordinates."""
        return self.at(self.marginals(samples.x), samples, self.marginals, self.log_prior)

    def groups(
        self, critics: Sequence[nn.Module | None], index: Int[Tensor, " n"], block: int = 1
    ) -> Iterator[Iterator[Scores]]:
        """A single group: every x with every class, weighted by its frequency among these samples."""
        yield (self._pool(critic, index) for critic in critics if critic is not None)

    @torch.no_grad()
    def _pool(self, critic: nn.Module, index: Tensor) -> LabelPool:
        scores: Tensor = critic(self.x[index])
        return LabelPool(scores.cpu().double(), self.labels[index].cpu())
