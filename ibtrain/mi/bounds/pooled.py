"""Held-out scores, pooled, from which a bound's value and its standard error are read."""

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

ABSENT = 1e-300
"""Weight of a class that no sample has: its logarithm stays finite."""


class BoundValue(NamedTuple):
    """A bound's value on some samples.

    Args:
        value: In nats.
        influence: What each sample does to it, ``(n,)``, or fewer numbers of the same length and of
            the same angles with those of another reading of these samples.
    """

    value: float
    influence: Float[Tensor, " n"]

    @property
    def stderr(self) -> float:
        """The length of what each sample does."""
        length: float = self.influence.norm().item()
        return length

    def by_blocks(self, block: int) -> "BoundValue":
        """The same reading of dependent samples: see :func:`add_blocks`."""
        return BoundValue(self.value, add_blocks(self.influence, block))


def add_blocks(influence: Float[Tensor, " n"], block: int) -> Tensor:
    r"""The influences of blocks of consecutive samples, whose sum of squares is the variance.

    Samples within a block may depend on each other; blocks are taken as independent. b blocks' sums are
    multiplied by :math:`\sqrt{b / (b - 1)}`.

    Args:
        influence: What each sample does to a value, in order, ``(n,)``.
        block: Samples of a block; the last one may be shorter. 1 changes nothing.

    References:
        Künsch, The jackknife and the bootstrap for general stationary observations (1989).
    """
    if block == 1:
        return influence
    sums = torch.stack([part.sum() for part in influence.split(block)])
    return sums * math.sqrt(len(sums) / max(1, len(sums) - 1))


class Scores(ABC):
    """Scores of fixed held-out pairs, of which a bound can be evaluated with weights of the samples."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of samples."""

    @abstractmethod
    def means(
        self, bound: Bound, log_weights: Float[Tensor, " n"] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Both means, of which the bound is a function.

        Args:
            bound: Says which.
            log_weights: Logarithms of the weights of the samples, in every mean that they have a part in; None
                weights all alike.
        """

    @abstractmethod
    def scaled(self, scale: float) -> "Scores":
        """The scores of the same critic times a number."""

    @abstractmethod
    def _no_weights(self) -> Float[Tensor, " n"]:
        """Logarithms of equal weights, beside the scores and of their type."""

    @torch.no_grad()
    def values(self, bound: Bound) -> tuple[float, float]:
        """Both means, every sample weighted alike."""
        mean_term, mean_rows = self.means(bound)
        return mean_term.item(), mean_rows.item()

    def value(self, bound: Bound) -> float:
        """The bound in nats."""
        values = self.values(bound)
        return combined(bound, values[:1], values[1:])[0]

    def value_and_influence(self, bound: Bound) -> BoundValue:
        r"""The bound, and what each sample does to it by the infinitesimal jackknife.

        .. math:: \mathrm{SE}^2 = \sum_i u_i^2, \quad
            u_i = \sqrt{\tfrac{n}{n - 1}} \, \frac{\partial V}{\partial \log w_i}

        where :math:`w_i` is the weight of sample i in every mean it has a part in.

        References:
            Efron, The Jackknife, the Bootstrap and Other Resampling Plans (1982), chapter 6.
        """
        return bound_value_of(bound, *self.means_and_influences(bound))

    def value_and_stderr(self, bound: Bound) -> tuple[float, float]:
        """The bound, and its standard error."""
        reading = self.value_and_influence(bound)
        return reading.value, reading.stderr

    def means_and_influences(
        self, bound: Bound
    ) -> tuple[tuple[float, float], tuple[Tensor, Tensor]]:
        """Both means, and what each sample does to them; zeros for a mean that the bound does not use."""
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
    """A bound's value as a function of the means of groups of samples, and its derivatives by both.

    Args:
        bound: Which.
        mean_terms: First mean of each group.
        mean_rows: Second mean of each group.
        counts: Samples of each group.
    """
    shares = torch.tensor(counts, dtype=torch.float64)
    shares /= shares.sum()
    terms, rows = (
        torch.tensor(means, dtype=torch.float64, requires_grad=True)
        for means in (mean_terms, mean_rows)
    )
    with torch.enable_grad():
        value = bound.combine(shares @ terms, bound.mean(rows, shares.log()))
        of_terms, of_rows = torch.autograd.grad(
            value, (terms, rows), allow_unused=True, materialize_grads=True
        )
    return value.item(), of_terms, of_rows


def bound_value_of(
    bound: Bound, means: tuple[float, float], influences: tuple[Tensor, Tensor]
) -> BoundValue:
    """A bound as a function of its means, and what each sample does to it through both."""
    value, of_term, of_rows = combined(bound, means[:1], means[1:])
    return BoundValue(value, of_term * influences[0] + of_rows * influences[1])


@dataclass(frozen=True)
class LabelPool(Scores):
    """Every x with every class, each as frequent as it is among the samples.

    Args:
        scores: A score for every class of every sample, ``(n, classes)``.
        labels: Each sample's own class, ``(n,)``.
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
        """Both means, of which the bound is a function."""
        log_weights = self._no_weights() if log_weights is None else log_weights
        totals = self.scores.new_zeros(self.scores.shape[1])
        totals = totals.index_add(0, self.labels, log_weights.exp())
        of_classes = totals.clamp_min(ABSENT).log().log_softmax(dim=0)
        log_joint = log_weights.log_softmax(dim=0)
        weights = Weights(log_joint, log_joint.unsqueeze(1) + of_classes)
        return bound.means(self.joint, self.scores, weights)

    def scaled(self, scale: float) -> "LabelPool":
        """The scores of the same critic times a number."""
        return LabelPool(scale * self.scores, self.labels)


def off_diagonal(matrix: Float[Tensor, "n n"]) -> Float[Tensor, "n others"]:
    """Of each row, all entries but the diagonal's, without an index.

    Args:
        matrix: A score of every x with every y, the true pairs on the diagonal.
    """
    count = len(matrix)
    # dropping the first entry makes each row of the rest end on the diagonal
    rest = matrix.flatten()[1:].view(count - 1, count + 1)[:, :-1]
    return rest.reshape(count, count - 1)


def shifted_columns(
    matrix: Float[Tensor, "n n"], shifts: Sequence[int]
) -> Float[Tensor, "n shifts"]:
    """Of each row, the entries that lie so many places right of the diagonal, round a circle.

    Args:
        matrix: A score of every x with every y.
        shifts: How many places; 0 is the diagonal.
    """
    rows = torch.arange(len(matrix), device=matrix.device)
    # the shifts as one tensor would be copied to the device at every step, which waits for it
    columns = torch.stack([rows + shift for shift in shifts], dim=1)
    return matrix.gather(1, columns % len(matrix))


def circular_shifts(count: int, most: int) -> list[int]:
    """At most so many circular_shifts round a circle, evenly spread, that leave no sample at its place.

    Args:
        count: Samples.
        most: How many circular_shifts, if there are as many.
    """
    kept = min(most, count - 1)
    return [1 + index * (count - 1) // kept for index in range(kept)]
