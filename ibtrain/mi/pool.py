"""Held-out scores, pooled, from which a bound's value and its standard error are read."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ibtrain.mi.bounds import UNIFORM, Weights

__all__ = [
    "Bound",
    "Reading",
    "ScorePool",
    "distances",
    "label_pool",
    "off_diagonal",
    "pair_pool",
    "shifted_columns",
]

Bound = Callable[[Tensor, Tensor, Weights], Tensor]
"""Scores of true pairs, of other pairs, and what each counts, to a value in nats."""

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


@dataclass(frozen=True)
class ScorePool:
    """Scores of fixed held-out pairs.

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

    def value(self, bound: Bound) -> float:
        """The bound over the whole pool."""
        alike = self.labels is None
        weights = UNIFORM if alike else self._weights(torch.zeros_like(self.joint))
        return bound(self.joint, self.marginal, weights).item()

    def value_and_stderr(self, bound: Bound) -> tuple[float, float]:
        """The bound, and its standard error."""
        reading = self.value_and_influence(bound)
        return reading.value, reading.stderr

    def value_and_influence(self, bound: Bound) -> Reading:
        r"""The bound, and what each sample does to it by the infinitesimal jackknife.

        .. math:: \mathrm{SE}^2 = \sum_i u_i^2, \quad
            u_i = \sqrt{\tfrac{n}{n - 1}} \, \frac{\partial V}{\partial \log w_i}

        where :math:`w_i` is the weight of sample i in every mean it has a part in.

        References:
            Efron, The Jackknife, the Bootstrap and Other Resampling Plans (1982), chapter 6.
        """
        log_weights = torch.zeros_like(self.joint, requires_grad=True)
        with torch.enable_grad():
            value = bound(self.joint, self.marginal, self._weights(log_weights))
            (influence,) = torch.autograd.grad(value, log_weights)
        count = len(influence)
        return Reading(value.item(), influence * math.sqrt(count / (count - 1)))

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
