"""What a variational bound on mutual information is: a function of two means of critic scores."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from ibtrain.backend.precision import at_least_float32

__all__ = ["UNIFORM", "Bound", "Loss", "Weights", "log_mean_exp", "weighted_mean"]


class Weights(NamedTuple):
    """Weights of the scores in the means of a bound; None weights all scores alike.

    Args:
        log_joint: Logarithm of the weight of each true pair, ``(n,)``; the weights sum to one.
        log_marginal: Logarithm of the weight of each other pair, of the shape of the marginal scores; likewise.
    """

    log_joint: Tensor | None = None
    log_marginal: Tensor | None = None


UNIFORM = Weights()
"""All scores have the same weight."""

Loss = Callable[[Tensor, Tensor, Weights], Tensor]
"""Joint scores, marginal scores and weights to what a critic ascends."""


class Bound(ABC):
    r"""A bound on mutual information as a function of two means.

    .. math::
        V = f(A, R), \quad A = E_i[a(s_i, r_i)], \quad
        R = E_i[r_i] \text{ or } \log E_i[e^{r_i}], \quad
        r_i = E_j[g(s_{ij})] \text{ or } \log E_j[e^{g(s_{ij})}]

    for the score :math:`s_i` of the true pair of :math:`x_i` and the scores :math:`s_{ij}` of its other pairs.
    A subclass defines g (:meth:`transform`), a (:meth:`term`) and f (:meth:`combine`), and says by
    :attr:`is_exponential` whether the means over marginal scores are those of exponentials. Every evaluation
    follows from these: on a batch, on pooled and on grouped samples, with any weights.

    Example:
        >>> class ChiSquare(Bound):  # E_p[s] - E_q[s + s^2 / 4]
        ...     is_exponential = False
        ...     def transform(self, scores):
        ...         return scores + scores**2 / 4
        ...     def combine(self, mean_term, mean_rows):
        ...         return mean_term - mean_rows
        >>> ChiSquare()(torch.tensor([1.0, 1.0]), torch.tensor([[0.0], [2.0]])).item()
        -0.5
    """

    summary: ClassVar[str] = ""
    """The bound in a line."""
    is_exponential: ClassVar[bool] = True
    """If true, both means over marginal scores are logarithms of means of exponentials; otherwise plain means."""
    has_group_limit: ClassVar[bool] = False
    """Whether the value can't exceed the logarithm of the samples that meet in a group."""

    def transform(self, scores: Tensor) -> Tensor:
        """The function g of the marginal scores, elementwise."""
        return scores

    def term(self, joint: Tensor, rows: Tensor, others: int) -> Tensor:
        """The function a: what each true pair adds to the first mean.

        Args:
            joint: Scores of the true pairs, ``(n,)``.
            rows: Mean over the other pairs of each x, ``(n,)``; a logarithm where :attr:`is_exponential`.
            others: Number of other pairs of each x.
        """
        return joint

    @abstractmethod
    def combine(self, mean_term: Tensor, mean_rows: Tensor) -> Tensor:
        """The function f: the bound as a function of both means."""

    def __call__(self, joint: Tensor, marginal: Tensor, weights: Weights = UNIFORM) -> Tensor:
        """The bound in nats on scores.

        Args:
            joint: Scores of the true pairs, ``(n,)``.
            marginal: Scores of the other pairs, ``(n, k)``: in row i those of ``x_i``.
            weights: Weights of the scores.

        Returns:
            A scalar. On a finite sample it is a bound only in expectation, and only for a critic that was not
            fitted to these scores.
        """
        return self.combine(*self.means(joint, marginal, weights))

    def means(self, joint: Tensor, marginal: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
        """Both means, of which the bound is a function; arguments as in :meth:`__call__`."""
        joint, scores = at_least_float32(joint), self.transform(at_least_float32(marginal))
        others = scores.shape[-1]
        if weights.log_marginal is None:
            rows, log_rows = self.mean(scores), None
        else:
            log_rows = weights.log_marginal.logsumexp(dim=-1)
            rows = self.mean(scores, weights.log_marginal - log_rows.unsqueeze(-1))
            log_rows = log_rows.flatten()
        return (
            weighted_mean(self.term(joint, rows, others), weights.log_joint),
            self.mean(rows.flatten(), log_rows),
        )

    def mean(self, values: Tensor, log_weights: Tensor | None = None) -> Tensor:
        """The mean over the last dimension, or its logarithm: see :attr:`is_exponential`.

        Args:
            values: Transformed marginal scores, or means of such.
            log_weights: Logarithms of weights that sum to one; None weights all alike.
        """
        if not self.is_exponential:
            return values.mean(-1) if log_weights is None else (log_weights.exp() * values).sum(-1)
        if log_weights is None:
            return log_mean_exp(values, values.ndim - 1)
        return (values + log_weights).logsumexp(dim=-1)

    def loss(self, device: torch.device) -> Loss:
        """Makes the objective that a critic ascends; the bound itself unless a subclass says otherwise.

        Args:
            device: The device of the scores.
        """
        return self.selection

    @property
    def selection(self) -> "Bound":
        """The bound by which checkpoints of a critic are compared."""
        return self

    @property
    def for_labels(self) -> "Bound":
        """The bound that takes its place where y is discrete and its marginal is exact."""
        return self


def weighted_mean(values: Tensor, log_weights: Tensor | None) -> Tensor:
    """The mean of values by the logarithms of their weights; None weights all alike."""
    return values.mean() if log_weights is None else (log_weights.exp() * values).sum()


def log_mean_exp(scores: Float[Tensor, "*shape"], first_dim: int = 0) -> Float[Tensor, "*leading"]:
    r"""Logarithm of the mean of exponentials, :math:`\log \frac1n \sum_i e^{s_i}`, without overflow.

    Args:
        scores: Finite scores of any shape.
        first_dim: The mean runs over this dimension and all that follow.

    Returns:
        A scalar, or one for each index of the dimensions before.
    """
    flat = at_least_float32(scores).flatten(first_dim)
    # the largest score less its log-softmax: one kernel each way, where `logsumexp` takes eight
    top = flat.detach().argmax(dim=-1, keepdim=True)
    log_sum = flat.gather(-1, top) - flat.log_softmax(dim=-1).gather(-1, top)
    return log_sum.squeeze(-1) - math.log(flat.shape[-1])
