"""Held-out scores, pooled, from which a bound's value and its standard error are read."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ibtrain.mi.bound import UNIFORM, Bound, Weights

__all__ = [
    "Reading",
    "ScorePool",
    "Scores",
    "add_blocks",
    "combined",
    "distances",
    "label_pool",
    "off_diagonal",
    "pair_pool",
    "reading_of",
    "shifted_columns",
]

ABSENT = 1e-300
"""Weight of a class that no sample has: its logarithm stays finite."""


class Reading(NamedTuple):
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

    def by_blocks(self, block: int) -> "Reading":
        """The same reading of dependent samples: see :func:`add_blocks`."""
        return Reading(self.value, add_blocks(self.influence, block))


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

    def value_and_influence(self, bound: Bound) -> Reading:
        r"""The bound, and what each sample does to it by the infinitesimal jackknife.

        .. math:: \mathrm{SE}^2 = \sum_i u_i^2, \quad
            u_i = \sqrt{\tfrac{n}{n - 1}} \, \frac{\partial V}{\partial \log w_i}

        where :math:`w_i` is the weight of sample i in every mean it has a part in.

        References:
            Efron, The Jackknife, the Bootstrap and Other Resampling Plans (1982), chapter 6.
        """
        return reading_of(bound, *self.means_and_influences(bound))

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


def reading_of(
    bound: Bound, means: tuple[float, float], influences: tuple[Tensor, Tensor]
) -> Reading:
    """A bound as a function of its means, and what each sample does to it through both."""
    value, of_term, of_rows = combined(bound, means[:1], means[1:])
    return Reading(value, of_term * influences[0] + of_rows * influences[1])


@dataclass(frozen=True)
class ScorePool(Scores):
    """Scores of any choice of pairs.

    The marginal term is a mean over pairs of samples, so that one sample contributes to it more
    than once: as the x of its own pairs, and as the y of others'.

    Args:
        joint: Scores of true pairs, ``(n,)``.
        marginal: Row i: scores of ``x_i`` with k values of y, ``(n, k)``.
        partners: Which y those are, ``(n, k)``: samples, or classes where ``labels`` are given.
        labels: Each sample's class, ``(n,)``.
    """

    joint: Float[Tensor, " n"]
    marginal: Float[Tensor, "n k"]
    partners: Int[Tensor, "n k"]
    labels: Int[Tensor, " n"] | None = None

    def __len__(self) -> int:
        return len(self.joint)

    def _no_weights(self) -> Float[Tensor, " n"]:
        return torch.zeros_like(self.joint)

    def means(
        self, bound: Bound, log_weights: Float[Tensor, " n"] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Both means, of which the bound is a function."""
        # weights of all pairs take several times as long as the bound without them
        if log_weights is None and self.labels is None:
            return bound.means(self.joint, self.marginal, UNIFORM)
        given = self._no_weights() if log_weights is None else log_weights
        return bound.means(self.joint, self.marginal, self._weights(given))

    def scaled(self, scale: float) -> "ScorePool":
        """The scores of the same critic times a number."""
        return ScorePool(scale * self.joint, scale * self.marginal, self.partners, self.labels)

    def _weights(self, log_weights: Tensor) -> Weights:
        classes = self.marginal.shape[1]
        of_y = (
            log_weights if self.labels is None else _of_classes(log_weights, self.labels, classes)
        )
        log_marginal = log_weights.unsqueeze(1) + of_y[self.partners]
        return Weights(
            log_weights.log_softmax(dim=0), log_marginal - log_marginal.flatten().logsumexp(dim=0)
        )


def _of_classes(log_weights: Tensor, labels: Tensor, classes: int) -> Tensor:
    totals = log_weights.new_zeros(classes).index_add(0, labels, log_weights.exp())
    return totals.clamp_min(ABSENT).log()


def pair_pool(matrix: Float[Tensor, "n n"]) -> ScorePool:
    """Every x with every y but its own.

    Args:
        matrix: A score of every x with every y, the true pairs on the diagonal.
    """
    rows = torch.arange(len(matrix), device=matrix.device)
    partners = (rows.unsqueeze(1) + rows[1:]) % len(matrix)
    # a copy, or the pool would keep the matrix
    return ScorePool(matrix.diagonal().clone(), matrix.gather(1, partners), partners)


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


def distances(count: int, most: int) -> list[int]:
    """At most so many distances round a circle, evenly spread, that leave no sample at its place.

    Args:
        count: Samples.
        most: How many distances, if there are as many.
    """
    kept = min(most, count - 1)
    return [1 + index * (count - 1) // kept for index in range(kept)]


def label_pool(scores: Float[Tensor, "n classes"], labels: Int[Tensor, " n"]) -> ScorePool:
    """Every x with every class, each as frequent as it is among the samples.

    Args:
        scores: A score for every class of every sample.
        labels: Each sample's own class.
    """
    joint = scores.gather(1, labels.unsqueeze(1)).squeeze(1)
    classes = torch.arange(scores.shape[1], device=scores.device).expand(len(labels), -1)
    return ScorePool(joint, scores, classes, labels)
