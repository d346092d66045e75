"""Training objectives of critics: gradients corrected by a running average, and several critics at once."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ibtrain.backend.gradients import scale_gradient
from ibtrain.backend.precision import at_least_float32
from ibtrain.mi.bounds.base import UNIFORM, Weights, weighted_mean

__all__ = ["dv_labels", "ema_corrected", "smoothed_log_prior", "tuba"]


def tuba(
    scores_joint: Float[Tensor, "*n"],
    scores_marginal: Float[Tensor, "*m"],
    log_baseline: Float[Tensor, ""],
    weights: Weights = UNIFORM,
) -> Float[Tensor, ""]:
    r"""Unnormalised Barber-Agakov bound, :math:`1 + E_{p(x,y)}[s] - E_{p(x)p(y)}[e^s] / a - \log a`.

    It replaces the logarithm in :data:`~ibtrain.mi.bounds.registry.dv` by its tangent at a. It is at most ``dv`` for
    every a, and equal for :math:`a = E_{p(x)p(y)}[e^s]`. If a is a running average of that mean, its gradient is
    MINE's corrected gradient (:func:`ema_corrected`), in fewer operations.

    Args:
        scores_joint: Scores of true pairs.
        scores_marginal: Scores of pairs from the product of the marginals.
        log_baseline: Logarithm :math:`\log a`; no gradient flows into it.
        weights: Weights of the scores.

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
    label_smoothing: float = 0.0,
) -> Float[Tensor, "*S"]:
    r"""Donsker-Varadhan bound on :math:`I(h; y)` for a discrete label.

    .. math:: \frac1n \sum_n s_{y_n}(h_n) - \log \frac1n \sum_n \sum_c p(c)\, e^{s_c(h_n)}

    The critic scores every class of a sample, so that the expectation over the marginal of the label is exact:
    no labels are shuffled, and the shuffle adds no variance.

    With a label smoothing of :math:`\varepsilon` the bound is on :math:`I(h; \tilde y) \le I(h; y)`, where :math:`\tilde y` is y, or with
    probability :math:`\varepsilon` any of the classes, all equally likely. The expectation over :math:`\tilde y` is exact:

    .. math::
        \frac1n \sum_n \Big( (1 - \varepsilon)\, s_{y_n}(h_n) + \frac{\varepsilon}{C} \sum_c s_c(h_n) \Big)
        - \log \frac1n \sum_n \sum_c \tilde p(c)\, e^{s_c(h_n)}

    Args:
        scores: Score of every sample with every class, ``(batch, classes)``, with optional leading dimensions for
            several critics.
        labels: Class of each sample, ``(batch,)``, with the same leading dimensions.
        log_prior: Logarithm of the probability of each class, ``(classes,)``; with label smoothing, that of
            :func:`smoothed_log_prior`.
        label_smoothing: The probability :math:`\varepsilon`.

    Returns:
        The bound in nats, one value for each critic.

    References:
        MINE (arXiv 1801.04062), eq. 5, with the label enumerated.
    """
    # a score minus the logarithm of the whole sum is a log-softmax over all samples and classes together
    log_ratios = (scores + log_prior).flatten(-2).log_softmax(dim=-1).view_as(scores) - log_prior
    true = log_ratios.gather(-1, labels.unsqueeze(-1)).mean(dim=(-2, -1))
    if label_smoothing:
        true = torch.lerp(true, log_ratios.mean(dim=(-2, -1)), label_smoothing)
    return true + math.log(scores.shape[-2])


def smoothed_log_prior(
    log_prior: Float[Tensor, " classes"], label_smoothing: float
) -> Float[Tensor, " classes"]:
    r"""Logarithm of the probability of each class, :math:`\tilde p(c) = (1 - \varepsilon) p(c) + \varepsilon / C`, if labels are smoothed.

    Args:
        log_prior: Logarithm of p, ``(classes,)``.
        label_smoothing: The probability :math:`\varepsilon` with which a label is replaced by any class.
    """
    prior = log_prior.exp()
    return torch.lerp(prior, torch.full_like(prior, 1 / len(prior)), label_smoothing).log()


def ema_corrected(
    mean_joint: Float[Tensor, "*count"],
    log_partition: Float[Tensor, "*count"],
    log_average: Float[Tensor, "*count"],
) -> Float[Tensor, "*count"]:
    r"""Computes the DV bound with a gradient that divides by a running average instead of the batch mean.

    The value is ``mean_joint - log_partition``. The gradient of the second term is

    .. math:: \frac{\nabla E[e^s]}{\mathrm{EMA}(E[e^s])}

    whereas the plain DV bound divides by the batch mean of :math:`e^s`, which biases the gradient
    of a small batch. All computations are in the log domain.

    Args:
        mean_joint: Mean score of true pairs.
        log_partition: Batch value of :math:`\log E[e^s]` over the product of the marginals.
        log_average: Logarithm of the running average of :math:`E[e^s]`; no gradient flows into it.

    Returns:
        The bound in nats, with the corrected gradient.

    References:
        MINE (arXiv 1801.04062), eq. 12.
    """
    ratio = torch.exp(log_partition - log_average).detach()
    return mean_joint - scale_gradient(log_partition, ratio)
