r"""Variational bounds on mutual information, as pure formulas on critic scores.

Every function maps scores to a scalar tensor in nats and is differentiable. A *joint* score is
the critic's value on a true pair, a *marginal* score its value on a pair drawn from the product
of the marginals.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["dv", "dv_labels", "ema_corrected", "log_mean_exp", "log_partition_labels"]


def log_mean_exp(scores: Float[Tensor, "*shape"]) -> Float[Tensor, ""]:
    r"""Logarithm of the mean of exponentials, :math:`\log \frac1n \sum_i e^{s_i}`, without overflow.

    Args:
        scores: Scores of any shape; the mean runs over all of them.

    Returns:
        A scalar.
    """
    return torch.logsumexp(scores.flatten(), dim=0) - math.log(scores.numel())


def dv(
    scores_joint: Float[Tensor, "*n"], scores_marginal: Float[Tensor, "*m"]
) -> Float[Tensor, ""]:
    r"""Donsker-Varadhan lower bound, :math:`E_{p(x,y)}[s] - \log E_{p(x)p(y)}[e^s]`.

    Args:
        scores_joint: Scores of true pairs.
        scores_marginal: Scores of pairs from the product of the marginals.

    Returns:
        The bound in nats. On a finite sample it is a lower bound only in expectation, and only
        for a critic that was not fitted to these scores.

    References:
        Donsker & Varadhan 1983; MINE (arXiv 1801.04062), eq. 5.
    """
    return scores_joint.mean() - log_mean_exp(scores_marginal)


def log_partition_labels(
    scores: Float[Tensor, "batch classes"], log_prior: Float[Tensor, " classes"]
) -> Float[Tensor, ""]:
    r"""Logarithm of :math:`E_{p(h)} \sum_c p(c) e^{s_c(h)}`: the marginal term with labels enumerated.

    Args:
        scores: A score for every class of every sample, ``(batch, classes)``.
        log_prior: Logarithm of each class's probability, ``(classes,)``.

    Returns:
        A scalar.
    """
    return torch.logsumexp((scores + log_prior).flatten(), dim=0) - math.log(scores.shape[0])


def dv_labels(
    scores: Float[Tensor, "batch classes"],
    labels: Int[Tensor, " batch"],
    log_prior: Float[Tensor, " classes"],
) -> Float[Tensor, ""]:
    r"""Donsker-Varadhan bound on :math:`I(h; y)` for a discrete label.

    .. math:: \frac1n \sum_n s_{y_n}(h_n) - \log \frac1n \sum_n \sum_c p(c)\, e^{s_c(h_n)}

    The critic scores every class at once, so the expectation over the label's marginal is exact:
    nothing is shuffled, and its sampling variance is gone.

    Args:
        scores: A score for every class of every sample, ``(batch, classes)``.
        labels: Each sample's class, ``(batch,)``.
        log_prior: Logarithm of each class's probability, ``(classes,)``.

    Returns:
        The bound in nats.

    References:
        MINE (arXiv 1801.04062), eq. 5, with the label enumerated.
    """
    scores_joint = scores.gather(1, labels.unsqueeze(1))
    return scores_joint.mean() - log_partition_labels(scores, log_prior)


def ema_corrected(
    mean_joint: Float[Tensor, ""],
    log_partition: Float[Tensor, ""],
    log_average: Float[Tensor, ""],
) -> Float[Tensor, ""]:
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
    ratio = torch.exp(log_partition - log_average.detach())
    corrected = mean_joint - ratio
    value = (mean_joint - log_partition).detach()
    return value + (corrected - corrected.detach())
