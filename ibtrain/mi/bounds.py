r"""Variational bounds on mutual information, as pure formulas on critic scores.

Every function maps scores to a scalar tensor in nats and is differentiable. A *joint* score is
the critic's value on a true pair, a *marginal* score its value on a pair drawn from the product
of the marginals; each bound is largest where the critic is the log-ratio
:math:`\log p(x, y) / p(x) p(y)` (for :func:`dv` and :func:`infonce` up to a constant).
Scores of lower precision are raised to float32 first, so that autocast is safe.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ibtrain.gradients import scale_gradient
from ibtrain.precision import at_least_float32

__all__ = [
    "CLIP",
    "UNIFORM",
    "Weights",
    "dv",
    "dv_labels",
    "ema_corrected",
    "infonce",
    "js",
    "likelihood",
    "log_mean_exp",
    "log_partition",
    "nwj",
    "smile",
    "tuba",
]

CLIP = 5.0
"""Nats at which :func:`smile` clips the scores of other pairs."""
STEEPEST = 50.0
"""Log-partition above which :func:`nwj` goes on along its tangent instead of the exponential."""


class Weights(NamedTuple):
    """What each score counts in a mean; None counts all alike.

    Args:
        log_joint: Logarithm of each true pair's weight, ``(n,)``; the weights sum to one.
        log_marginal: Logarithm of each other pair's, of the shape of the marginal scores; likewise.
    """

    log_joint: Tensor | None = None
    log_marginal: Tensor | None = None


UNIFORM = Weights()
"""Every score counts the same."""


def _mean(scores: Tensor, log_weights: Tensor | None) -> Tensor:
    return scores.mean() if log_weights is None else (log_weights.exp() * scores).sum()


def log_mean_exp(scores: Float[Tensor, "*shape"], first_dim: int = 0) -> Float[Tensor, "*leading"]:
    r"""Logarithm of the mean of exponentials, :math:`\log \frac1n \sum_i e^{s_i}`, without overflow.

    Args:
        scores: Finite scores of any shape.
        first_dim: The mean runs over this dimension and all that follow.

    Returns:
        A scalar, or one for each index of the dimensions before.
    """
    flat = at_least_float32(scores).flatten(first_dim)
    # any score less its log-softmax: one kernel each way, where `logsumexp` takes eight
    log_sum = flat.select(-1, 0) - flat.log_softmax(dim=-1).select(-1, 0)
    return log_sum - math.log(flat.shape[-1])


def log_partition(
    scores_marginal: Float[Tensor, "*m"], weights: Weights = UNIFORM
) -> Float[Tensor, ""]:
    r"""Logarithm of the marginal term, :math:`\log E_{p(x)p(y)}[e^s]`.

    Args:
        scores_marginal: Scores of pairs from the product of the marginals.
        weights: What each counts.
    """
    if weights.log_marginal is None:
        return log_mean_exp(scores_marginal)
    return torch.logsumexp(
        (at_least_float32(scores_marginal) + weights.log_marginal).flatten(), dim=0
    )


def dv(
    scores_joint: Float[Tensor, "*n"],
    scores_marginal: Float[Tensor, "*m"],
    weights: Weights = UNIFORM,
) -> Float[Tensor, ""]:
    r"""Donsker-Varadhan lower bound, :math:`E_{p(x,y)}[s] - \log E_{p(x)p(y)}[e^s]`.

    Args:
        scores_joint: Scores of true pairs.
        scores_marginal: Scores of pairs from the product of the marginals.
        weights: What each counts.

    Returns:
        The bound in nats. On a finite sample it is a lower bound only in expectation, and only
        for a critic that was not fitted to these scores.

    References:
        Donsker & Varadhan 1983; MINE (arXiv 1801.04062), eq. 5.
    """
    mean_joint = _mean(at_least_float32(scores_joint), weights.log_joint)
    return mean_joint - log_partition(scores_marginal, weights)


def nwj(
    scores_joint: Float[Tensor, "*n"],
    scores_marginal: Float[Tensor, "*m"],
    weights: Weights = UNIFORM,
) -> Float[Tensor, ""]:
    r"""Nguyen-Wainwright-Jordan lower bound, :math:`1 + E_{p(x,y)}[s] - E_{p(x)p(y)}[e^s]`.

    In the source's words :math:`E[f] - e^{-1} E[e^f]` with :math:`f = 1 + s`, so that the best s is
    the log-ratio itself. Its tangent replaces the exponential where the mean exceeds
    :math:`e^{50}`: a bound still (the value stays below :func:`dv`'s), with finite gradients.

    Args:
        scores_joint: Scores of true pairs.
        scores_marginal: Scores of pairs from the product of the marginals.
        weights: What each counts.

    References:
        Poole et al. (arXiv 1905.06922), eq. 5 and 6.
    """
    log_mean = log_partition(scores_marginal, weights)
    excess = (log_mean - STEEPEST).clamp_min(0)
    mean = log_mean.clamp_max(STEEPEST).exp() + math.exp(STEEPEST) * excess
    return 1 + _mean(at_least_float32(scores_joint), weights.log_joint) - mean


def tuba(
    scores_joint: Float[Tensor, "*n"],
    scores_marginal: Float[Tensor, "*m"],
    log_baseline: Float[Tensor, ""],
    weights: Weights = UNIFORM,
) -> Float[Tensor, ""]:
    r"""Unnormalised Barber-Agakov bound, :math:`1 + E_{p(x,y)}[s] - E_{p(x)p(y)}[e^s] / a - \log a`.

    The tangent of :func:`dv`'s logarithm at a: below it for every a, and equal at
    :math:`a = E_{p(x)p(y)}[e^s]`. With a running average of that mean for a, its gradient is the corrected
    one of MINE (:func:`ema_corrected`), in fewer operations.

    Args:
        scores_joint: Scores of true pairs.
        scores_marginal: Scores of pairs from the product of the marginals.
        log_baseline: :math:`\log a`; no gradient flows into it.
        weights: What each counts.

    References:
        Poole et al. (arXiv 1905.06922), section 2.1; MINE (arXiv 1801.04062), eq. 12.
    """
    baseline = log_baseline.detach()
    ratios = torch.exp(at_least_float32(scores_marginal) - baseline)
    mean = _mean(ratios, weights.log_marginal)
    return 1 + _mean(at_least_float32(scores_joint), weights.log_joint) - mean - baseline


def smile(
    scores_joint: Float[Tensor, "*n"],
    scores_marginal: Float[Tensor, "*m"],
    weights: Weights = UNIFORM,
    *,
    clip: float = CLIP,
) -> Float[Tensor, ""]:
    r"""SMILE, :math:`E_{p(x,y)}[s] - \log E_{p(x)p(y)}[e^{\mathrm{clip}(s, -\tau, \tau)}]`.

    Clipping trades the variance of the exponential's mean for a bias, either way: this is an
    estimate and no bound. Its critic is trained on :func:`js`.

    Args:
        scores_joint: Scores of true pairs.
        scores_marginal: Scores of pairs from the product of the marginals.
        weights: What each counts.
        clip: :math:`\tau`, in nats.

    References:
        SMILE (arXiv 1910.06222), eq. 12.
    """
    return dv(scores_joint, scores_marginal.clamp(-clip, clip), weights)


def js(
    scores_joint: Float[Tensor, "*n"],
    scores_marginal: Float[Tensor, "*m"],
    weights: Weights = UNIFORM,
) -> Float[Tensor, ""]:
    r"""Jensen-Shannon bound, :math:`-E_{p(x,y)}[\log(1 + e^{-s})] - E_{p(x)p(y)}[\log(1 + e^s)]`.

    A well-behaved objective for a critic: its optimum is the log-ratio, its gradients are bounded.
    The value bounds :math:`2 \mathrm{JS} - \log 4`, not the mutual information, which is read off
    the critic by :func:`nwj` (method ``js``) or :func:`smile`.

    Args:
        scores_joint: Scores of true pairs.
        scores_marginal: Scores of pairs from the product of the marginals.
        weights: What each counts.

    References:
        Nowozin et al. (arXiv 1606.00709), table 2; Poole et al. (arXiv 1905.06922), section 2.1.
    """
    softplus = torch.nn.functional.softplus
    joint, marginal = (
        softplus(-at_least_float32(scores_joint)),
        softplus(at_least_float32(scores_marginal)),
    )
    return -_mean(joint, weights.log_joint) - _mean(marginal, weights.log_marginal)


def infonce(
    scores_joint: Float[Tensor, " n"],
    scores_marginal: Float[Tensor, "n k"],
    weights: Weights = UNIFORM,
) -> Float[Tensor, ""]:
    r"""InfoNCE, the log-likelihood of finding each true pair among k others.

    .. math:: E \log \frac{e^{s_i}}{\frac{1}{k+1} \left(e^{s_i} + \sum_j e^{s_{ij}}\right)}

    A lower bound of low variance that can't exceed :math:`\log(k + 1)`.

    Args:
        scores_joint: Scores of true pairs.
        scores_marginal: Row i: scores of the pairs of ``x_i`` with k other ``y``.
        weights: What each counts.

    References:
        Oord et al. (arXiv 1807.03748); Poole et al. (arXiv 1905.06922), eq. 10.
    """
    joint, marginal = at_least_float32(scores_joint), at_least_float32(scores_marginal)
    others = marginal.shape[1]
    if weights.log_marginal is not None:
        marginal = marginal + weights.log_marginal.log_softmax(dim=1) + math.log(others)
    candidates = torch.cat([joint.unsqueeze(1), marginal], dim=1)
    log_likelihood = joint - candidates.logsumexp(dim=1) + math.log(others + 1)
    return _mean(log_likelihood, weights.log_joint)


def likelihood(
    scores_joint: Float[Tensor, " n"],
    scores_marginal: Float[Tensor, "n k"],
    weights: Weights = UNIFORM,
) -> Float[Tensor, ""]:
    r"""Lower bound of a critic that is normalised for each x, :math:`E[s_y - \log E_{p(y)} e^{s}]`.

    For a label it is :math:`H(Y)` minus the cross-entropy of the prediction
    :math:`\mathrm{softmax}(s_c + \log p(c))`, and is what :func:`infonce` becomes where the marginal
    of y is exact.

    Args:
        scores_joint: Scores of true pairs.
        scores_marginal: Row i: scores of ``x_i`` with every value of y.
        weights: What each counts: in row i, the probability of each y.

    References:
        Barber & Agakov, The IM algorithm (2003); Poole et al. (arXiv 1905.06922), eq. 2.
    """
    marginal = at_least_float32(scores_marginal)
    if weights.log_marginal is None:
        log_normaliser = marginal.logsumexp(dim=1) - math.log(marginal.shape[1])
    else:
        log_normaliser = (marginal + weights.log_marginal.log_softmax(dim=1)).logsumexp(dim=1)
    return _mean(at_least_float32(scores_joint) - log_normaliser, weights.log_joint)


def dv_labels(
    scores: Float[Tensor, "*S batch classes"],
    labels: Int[Tensor, "*S batch"],
    log_prior: Float[Tensor, " classes"],
) -> Float[Tensor, "*S"]:
    r"""Donsker-Varadhan bound on :math:`I(h; y)` for a discrete label.

    .. math:: \frac1n \sum_n s_{y_n}(h_n) - \log \frac1n \sum_n \sum_c p(c)\, e^{s_c(h_n)}

    The critic scores every class at once, so the expectation over the label's marginal is exact:
    nothing is shuffled, and its sampling variance is gone.

    Args:
        scores: A score for every class of every sample, ``(batch, classes)``, or several such.
        labels: Each sample's class, ``(batch,)``, likewise.
        log_prior: Logarithm of each class's probability, ``(classes,)``.

    Returns:
        The bound in nats, or one for each.

    References:
        MINE (arXiv 1801.04062), eq. 5, with the label enumerated.
    """
    # a score minus the logarithm of the whole sum is a log-softmax, of all samples and classes as one
    log_ratios = (scores + log_prior).flatten(-2).log_softmax(dim=-1).view_as(scores) - log_prior
    true = log_ratios.gather(-1, labels.unsqueeze(-1))
    return true.mean(dim=(-2, -1)) + math.log(scores.shape[-2])


def ema_corrected(
    mean_joint: Float[Tensor, "*count"],
    log_partition: Float[Tensor, "*count"],
    log_average: Float[Tensor, "*count"],
) -> Float[Tensor, "*count"]:
    r"""A DV bound whose gradient divides by a running average instead of the batch's own mean.

    The value is ``mean_joint - log_partition``. The gradient of its second part is

    .. math:: \frac{\nabla E[e^s]}{\mathrm{EMA}(E[e^s])}

    where the plain DV bound divides by the batch's own :math:`E[e^s]`, which biases the gradient
    of a small batch. Everything stays in the log domain.

    Args:
        mean_joint: Mean score of true pairs.
        log_partition: The batch's :math:`\log E[e^s]` over the product of the marginals.
        log_average: Logarithm of the running average of :math:`E[e^s]`; no gradient flows into it.

    Returns:
        The bound in nats, with the corrected gradient.

    References:
        MINE (arXiv 1801.04062), eq. 12.
    """
    ratio = torch.exp(log_partition - log_average).detach()
    return mean_joint - scale_gradient(log_partition, ratio)
