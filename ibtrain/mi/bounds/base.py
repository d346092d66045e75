"""Interface of variational bounds on mutual information: functions of two means of critic scores."""

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
    """Weights of the scores in the means of a bound; None gives all scores equal weights.

    Args:
        log_joint: Logarithms of the weights of the true pairs, ``(n,)``; the weights sum to one.
        log_marginal: Logarithms of the weights of the other pairs, in the shape of the marginal scores; the weights
            sum to one.
    """

    log_joint: Tensor | None = None
    log_marginal: Tensor | None = None


UNIFORM = Weights()
"""All scores have the same weight."""

Loss = Callable[[Tensor, Tensor, Weights], Tensor]
"""Function from joint scores, marginal scores and weights to the objective that a critic maximises."""


class Bound(ABC):
    r"""A bound on mutual information as a function of two means.

    .. math::
        V = f(A, R), \quad A = E_i[a(s_i, r_i)], \quad
        R = E_i[r_i] \text{ or } \log E_i[e^{r_i}], \quad
        r_i = E_j[g(s_{ij})] \text{ or } \log E_j[e^{g(s_{ij})}]

    for the score :math:`s_i` of the true pair of :math:`x_i` and the scores :math:`s_{ij}` of its other pairs.
    A subclass defines g (:meth:`transform`), a (:meth:`term`) and f (:meth:`combine`), and chooses with
    :attr:`is_exponential` between the two forms of the means over marginal scores. All evaluations use only
    these: on a batch, on pooled and on grouped samples, with any weights.

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
    """Description of the bound in one line."""
    is_exponential: ClassVar[bool] = True
    """If true, both means over marginal scores are logarithms of means of exponentials; otherwise plain means."""
    has_group_limit: ClassVar[bool] = False
    """Whether the value can't exceed the logarithm of the number of samples that are paired in a group."""

    def transform(self, scores: Tensor) -> Tensor:
        """Applies the function g to the marginal scores, elementwise."""
        return scores

    def term(self, joint: Tensor, rows: Tensor, others: int) -> Tensor:
        """Computes the function a, the term of each true pair in the first mean.

        Args:
            joint: Scores of the true pairs, ``(n,)``.
            rows: Mean over the other pairs of each x, ``(n,)``; its logarithm if :attr:`is_exponential`.
            others: Number of other pairs of each x.
        """
        return joint

    @abstractmethod
    def combine(self, mean_term: Tensor, mean_rows: Tensor) -> Tensor:
        """Computes the function f, the bound as a function of both means."""

    def __call__(self, joint: Tensor, marginal: Tensor, weights: Weights = UNIFORM) -> Tensor:
        """Evaluates the bound in nats.

        Args:
            joint: Scores of the true pairs, ``(n,)``.
            marginal: Scores of the other pairs, ``(n, k)``; row i contains the pairs of ``x_i``.
            weights: Weights of the scores.

        Returns:
            A scalar. On a finite sample it is a bound only in expectation, and only if the critic was not
            fitted to the same samples.
        """
        return self.combine(*self.means(joint, marginal, weights))

    def means(self, joint: Tensor, marginal: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
        """Computes both means of which the bound is a function; for the arguments see :meth:`__call__`."""
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
        """Computes the mean over the last dimension, or its logarithm: see :attr:`is_exponential`.

        Args:
            values: Transformed marginal scores, or their means.
            log_weights: Logarithms of weights that sum to one; None gives equal weights.
        """
        if not self.is_exponential:
            return values.mean(-1) if log_weights is None else (log_weights.exp() * values).sum(-1)
        if log_weights is None:
            return log_mean_exp(values, values.ndim - 1)
        return (values + log_weights).logsumexp(dim=-1)

    def loss(self, device: torch.device) -> Loss:
        """Builds the objective that a critic maximises; by default the bound itself.

        Args:
            device: Device of the scores.
        """
        return self.selection

    @property
    def selection(self) -> "Bound":
        """The bound that selects the best checkpoint of a critic."""
        return self

    @property
    def for_labels(self) -> "Bound":
        """The bound that replaces this one if y is discrete and its marginal is exact."""
        return self


def weighted_mean(values: Tensor, log_weights: Tensor | None) -> Tensor:
    """Computes the mean of values weighted by the exponentials of ``log_weights``; None gives equal weights."""
    return values.mean() if log_weights is None else (log_weights.exp() * values).sum()


def log_mean_exp(scores: Float[Tensor, "*shape"], first_dim: int = 0) -> Float[Tensor, "*leading"]:
    r"""Computes the logarithm of the mean of exponentials, :math:`\log \frac1n \sum_i e^{s_i}`, without overflow.

    Args:
        scores: Finite scores of any shape.
        first_dim: First dimension of the mean, which runs over this and all later dimensions.

    Returns:
        A scalar, or a tensor over the earlier dimensions.
    """
    flat = at_least_float32(scores).flatten(first_dim)
    # the largest score minus its log-softmax: one kernel forward and one backward, where `logsumexp` takes eight
    top = flat.detach().argmax(dim=-1, keepdim=True)
    log_sum = flat.gather(-1, top) - flat.log_softmax(dim=-1).gather(-1, top)
    return log_sum.squeeze(-1) - math.log(flat.shape[-1])
