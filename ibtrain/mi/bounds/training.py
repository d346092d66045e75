"""Bounds whose gradients train critics: corrected by a running average, or of several critics at once."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ibtrain.backend.gradients import scale_gradient
from ibtrain.backend.precision import at_least_float32
from ibtrain.mi.bounds.base import UNIFORM, Weights, weighted_mean

__all__ = ["dv_labels", "ema_corrected", "tuba"]


def tuba(
    scores_joint: Float[Tensor, "*n"],
    scores_marginal: Float[Tensor, "*m"],
    log_baseline: Float[Tensor, ""],
    weights: Weights = UNIFORM,
) -> Float[Tensor, ""]:
    r"""Unnormalised Barber-Agakov bound, :math:`1 + E_{p(x,y)}[s] - E_{p(x)p(y)}[e^s] / a - \log a`.

    The tangent of :data:`~ibtrain.mi.bounds.registry.dv`'s logarithm at a: below it for every a, and equal at
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
    mean = weighted_mean(ratios, weights.log_marginal)
    return 1 + weighted_mean(at_least_float32(scores_joint), weights.log_joint) - mean - baseline


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
