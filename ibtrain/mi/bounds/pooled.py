"""Pooled held-out scores, on which a bound's value and its standard error are computed."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ibtrain.mi.bounds.base import Bound, Weights

__all__ = [
    "BoundValue",
    "LabelPool",
    "Scores",
    "add_blocks",
    "bound_value_of",
    "circular_shifts",
    "combined",
    "off_diagonal",
    "shifted_columns",
]

MIN_CLASS_WEIGHT = 1e-300
"""Smallest weight of a class, for classes without samples: its logarithm is finite."""


class BoundValue(NamedTuple):
    """A bound's value on some samples.

    Args:
        value: Value in nats.
        influence: Influence of each sample on the value, ``(n,)``, or a rotation of this vector to fewer entries
            that preserves its norm and its inner products with other influences of these samples.
    """

    value: float
    influence: Float[Tensor, " n"]

    @property
    def stderr(self) -> float:
        """Standard error: the norm of the influences."""
        norm: float = self.influence.norm().item()
        return norm

    def by_blocks(self, block: int) -> "BoundValue":
        """Returns the value with the influences of dependent samples: see :func:`add_blocks`."""
        return BoundValue(self.value, add_blocks(self.influence, block))


def add_blocks(influence: Float[Tensor, " n"], block: int) -> Tensor:
    r"""Sums the influences of each block of consecutive samples; the sum of squares is the variance.

    Samples within a block may depend on each other; blocks are assumed to be independent. The sums of b blocks are
    multiplied by :math:`\sqrt{b / (b - 1)}`.

    Args:
        influence: Influence of each sample on a value, in the order of the rows, ``(n,)``.
        block: Number of samples in a block; the last block may be shorter. 1 returns the influences unchanged.

    References:
        Künsch, The jackknife and the bootstrap for general stationary observations (1989).
    """
    if block == 1:
        return influence
    sums = torch.stack([influences.sum() for influences in influence.split(block)])
    return sums * math.sqrt(len(sums) / max(1, len(sums) - 1))


class Scores(ABC):
    """Scores of fixed held-out pairs, on which a bound can be evaluated with weights of the samples."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of samples."""

    @abstractmethod
    def means(
        self, bound: Bound, log_weights: Float[Tensor, " n"] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Computes both means of which the bound is a function.

        Args:
            bound: Bound whose means are computed.
            log_weights: Logarithms of the weights of the samples, which apply in both means; None gives equal
                weights.
        """

    @abstractmethod
    def scaled(self, scale: float) -> "Scores":
        """Returns the scores multiplied by a number."""

    @abstractmethod
    def _no_weights(self) -> Float[Tensor, " n"]:
        """Returns logarithms of equal weights, with the device and dtype of the scores."""

    @torch.no_grad()
    def values(self, bound: Bound) -> tuple[float, float]:
        """Computes both means with equal weights of the samples."""
        mean_term, mean_rows = self.means(bound)
        return mean_term.item(), mean_rows.item()

    def value(self, bound: Bound) -> float:
        """Evaluates the bound in nats."""
        values = self.values(bound)
        return combined(bound, values[:1], values[1:])[0]

    def value_and_influence(self, bound: Bound) -> BoundValue:
        r"""Evaluates the bound and the influence of each sample on it by the infinitesimal jackknife.

        .. math:: \mathrm{SE}^2 = \sum_i u_i^2, \quad
            u_i = \sqrt{\tfrac{n}{n - 1}} \, \frac{\partial V}{\partial \log w_i}

        where :math:`w_i` is the weight of sample i in both means.

        References:
            Efron, The Jackknife, the Bootstrap and Other Resampling Plans (1982), chapter 6.
        """
        return bound_value_of(bound, *self.means_and_influences(bound))

    def value_and_stderr(self, bound: Bound) -> tuple[float, float]:
        """Evaluates the bound and its standard error."""
        bound_value = self.value_and_influence(bound)
        return bound_value.value, bound_value.stderr

    def means_and_influences(
        self, bound: Bound
    ) -> tuple[tuple[float, float], tuple[Tensor, Tensor]]:
        """Computes both means and the influences of the samples on them; zeros for a mean that the bound ignores."""
        log_weights = self._no_weights().requires_grad_()
        with torch.enable_grad():
            means = self.means(bound, log_weights)
            values = means[0].item(), means[1].item()
            influences = []
            _, *slopes = combined(bound, values[:1], values[1:])
            for mean, slope in zip(means, slopes, strict=True):
                if slope == 0:
                    influences.append(self._no_weights())
                else:
                    (influence,) = torch.autograd.grad(mean, log_weights, retain_graph=True)
                    influences.append(influence)
        count = len(log_weights)
        first, second = (math.sqrt(count / (count - 1)) * influence for influence in influences)
        return values, (first, second)


def combined(
    bound: Bound,
    mean_terms: Sequence[float],
    mean_rows: Sequence[float],
    counts: Sequence[int] = (1,),
) -> tuple[float, Float[Tensor, " groups"], Float[Tensor, " groups"]]:
    """Computes a bound's value from the means of groups of samples, and its derivatives with respect to them.

    Args:
        bound: Bound to evaluate.
        mean_terms: First mean of each group.
        mean_rows: Second mean of each group.
        counts: Number of samples of each group.
    """
    shares = torch.tensor(counts, dtype=torch.float64)
    shares /= shares.sum()
    terms, rows = (
        torch.tensor(means, dtype=torch.float64, requires_grad=True)
        for means in (mean_terms, mean_rows)
    )
    with torch.enable_grad():
        value = bound.combine(shares @ terms, bound.mean(rows, shares.log()))
        slopes_terms, slopes_rows = torch.autograd.grad(
            value, (terms, rows), allow_unused=True, materialize_grads=True
        )
    return value.item(), slopes_terms, slopes_rows


def bound_value_of(
    bound: Bound, means: tuple[float, float], influences: tuple[Tensor, Tensor]
) -> BoundValue:
    """Computes a bound from its means, and the influence of each sample through both means."""
    value, slope_term, slope_rows = combined(bound, means[:1], means[1:])
    return BoundValue(value, slope_term * influences[0] + slope_rows * influences[1])


@dataclass(frozen=True)
class LabelPool(Scores):
    """Scores of every x with every class; classes are weighted by their frequency among the samples.

    Args:
        scores: Score of every sample with every class, ``(n, classes)``.
        labels: Class of each sample, ``(n,)``.
    """

    scores: Float[Tensor, "n classes"]
    labels: Int[Tensor, " n"]

    @property
    def joint(self) -> Float[Tensor, " n"]:
        """Scores of true pairs."""
        return self.scores.gather(1, self.labels.unsqueeze(1)).squeeze(1)

    def __len__(self) -> int:
        return len(self.labels)

    def _no_weights(self) -> Float[Tensor, " n"]:
        return self.scores.new_zeros(len(self))

    def means(
        self, bound: Bound, log_weights: Float[Tensor, " n"] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Computes both means of which the bound is a function."""
        log_weights = self._no_weights() if log_weights is None else log_weights
        totals = self.scores.new_zeros(self.scores.shape[1])
        totals = totals.index_add(0, self.labels, log_weights.exp())
        log_classes = totals.clamp_min(MIN_CLASS_WEIGHT).log().log_softmax(dim=0)
        log_joint = log_weights.log_softmax(dim=0)
        weights = Weights(log_joint, log_joint.unsqueeze(1) + log_classes)
        return bound.means(self.joint, self.scores, weights)

    def scaled(self, scale: float) -> "LabelPool":
        """Returns the scores multiplied by a number."""
        return LabelPool(scale * self.scores, self.labels)


def off_diagonal(matrix: Float[Tensor, "n n"]) -> Float[Tensor, "n others"]:
    """Returns all entries of each row except the diagonal's, without an index tensor.

    Args:
        matrix: Score of every x with every y; the true pairs are on the diagonal.
    """
    count = len(matrix)
    # without the first entry, rows of length n + 1 end on the diagonal
    rest = matrix.flatten()[1:].view(count - 1, count + 1)[:, :-1]
    return rest.reshape(count, count - 1)


def shifted_columns(
    matrix: Float[Tensor, "n n"], shifts: Sequence[int]
) -> Float[Tensor, "n shifts"]:
    """Returns the entries of each row at the given distances to the right of the diagonal, modulo n.

    Args:
        matrix: Score of every x with every y.
        shifts: Distances from the diagonal; 0 is the diagonal.
    """
    rows = torch.arange(len(matrix), device=matrix.device)
    # a tensor of the shifts would be copied to the device at every step, and the step would wait for it
    columns = torch.stack([rows + shift for shift in shifts], dim=1)
    return matrix.gather(1, columns % len(matrix))


def circular_shifts(count: int, most: int) -> list[int]:
    """Returns evenly spaced circular shifts of which none maps a sample to itself.

    Args:
        count: Number of samples.
        most: Maximum number of shifts.
    """
    number = min(most, count - 1)
    return [1 + index * (count - 1) // number for index in range(number)]
