"""Bounds on the information about a label, from scores of a batch."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ibtrain.backend.precision import at_least_float32
from ibtrain.mi.bounds.base import Weights

__all__ = ["infonce_labels", "label_scores", "same_class"]

MASKED = -1e9
"""Logarithm of the weight of a pair that does not count: finite, so that no gradient becomes NaN."""


def label_scores(
    scores: Float[Tensor, "batch classes"],
    labels: Int[Tensor, " batch"],
    log_prior: Float[Tensor, " classes"],
) -> tuple[Tensor, Tensor, Weights]:
    """The arguments of a :class:`~ibtrain.mi.bounds.base.Bound` for a label whose marginal is exact.

    Args:
        scores: Score of every sample with every class.
        labels: Class of each sample.
        log_prior: Logarithm of the probability of each class.

    Returns:
        Scores of the true pairs, scores of all pairs, and the weights of the latter: ``p(c) / batch``.

    Example:
        >>> from ibtrain.mi.bounds.registry import nwj
        >>> scores = torch.tensor([[0.5, -0.5], [-0.5, 0.5]])
        >>> round(nwj(*label_scores(scores, torch.tensor([0, 1]), torch.full((2,), 0.5).log())).item(), 4)
        0.3724
    """
    joint = scores.gather(1, labels.unsqueeze(1)).squeeze(1)
    log_marginal = (log_prior - math.log(len(labels))).expand_as(scores)
    return joint, scores, Weights(None, log_marginal)


def infonce_labels(
    scores: Float[Tensor, "batch classes"], labels: Int[Tensor, " batch"]
) -> tuple[Float[Tensor, ""], Float[Tensor, " classes"]]:
    r"""InfoNCE between a label and the samples of a batch.

    .. math:: \frac1n \sum_i \Big( s_{y_i}(h_i) - \log \frac1n \sum_j e^{s_{y_i}(h_j)} \Big)

    The label of each sample has to find its sample among all those of the batch. The value can exceed neither
    :math:`\log n` nor the entropy of the labels of the batch. A constant that is added to all scores of a class does
    not change it, so that scores of two classes can be compared only after their normalisers are subtracted.

    Args:
        scores: Score of every sample with every class.
        labels: Class of each sample.

    Returns:
        The bound in nats, and the normaliser :math:`\log \frac1n \sum_j e^{s_c(h_j)}` of each class.

    References:
        Oord et al. (arXiv 1807.03748); Poole et al. (arXiv 1905.06922), eq. 10.

    Example:
        >>> scores = torch.tensor([[9.0, 0.0], [0.0, 9.0]])
        >>> round(infonce_labels(scores, torch.tensor([0, 1]))[0].item(), 3)
        0.693
    """
    scores = at_least_float32(scores)
    normaliser = scores.logsumexp(0) - math.log(len(labels))
    return (scores - normaliser).gather(1, labels.unsqueeze(1)).mean(), normaliser


def same_class(
    scores: Float[Tensor, "batch batch"],
    labels: Int[Tensor, " batch"],
    log_prior: Float[Tensor, " classes"],
) -> Float[Tensor, ""]:
    r"""Contrastive bound on the information that two samples of one class share.

    .. math::
        \frac1n \sum_i \Big( \frac{1}{m_i} \sum_{j \in P_i} s_{ij} - \log \sum_{k \ne i} w_{ik}\, e^{s_{ik}} \Big),
        \qquad w_{ik} \propto \frac{p(y_k)}{m_{ik}}, \quad \sum_{k \ne i} w_{ik} = 1

    :math:`P_i` are the :math:`m_i` other samples of the class of i, and :math:`m_{ik}` is the number of samples other
    than i of the class of k. A sample without another one of its class adds 0.

    In expectation the value is at most :math:`I(h; y)`, for every critic that is independent of the batch, every
    batch size and all classes: the weights give each class of the candidates its exact probability, so that
    :math:`q_i(c) = \sum_{y_k = c} w_{ik} e^{s_{ik}} / \sum_k w_{ik} e^{s_{ik}}` predicts the class of i (classes
    without a candidate keep their p(c)), and by Jensen's inequality each term is at most
    :math:`\log q_i(y_i) - \log p(y_i)`, whose mean is at most :math:`H(y) - H(y \mid h)`. With equal weights, as in
    supervised contrastive learning, the frequencies of the batch take the place of the probabilities, and the value
    exceeds :math:`H(y)` by about :math:`(C - 1) / 2n`. For large batches the value is a lower bound on
    :math:`I(h; h') \le I(h; y)` as well, where h' is another sample of the same class.

    Args:
        scores: Score of every ordered pair of samples; the diagonal does not count.
        labels: Class of each sample.
        log_prior: Logarithm of the probability of each class.

    Returns:
        The bound in nats.

    References:
        Khosla et al., Supervised Contrastive Learning (arXiv 2004.11362), eq. 2, with the weights above.

    Example:
        >>> scores, labels = 9 * torch.eye(2).repeat(2, 2), torch.tensor([0, 1, 0, 1])
        >>> round(same_class(scores, labels, torch.full((2,), 0.5).log()).item(), 3)
        0.693
    """
    scores = at_least_float32(scores)
    is_self = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    is_positive = (labels.unsqueeze(1) == labels) & ~is_self
    positives = is_positive.sum(1)
    sizes = positives + 1 - is_positive.long()
    log_weights = (log_prior[labels] - sizes.log()).masked_fill(is_self, MASKED).log_softmax(1)
    means = (scores * is_positive).sum(1) / positives.clamp_min(1)
    terms = means - (scores + log_weights).logsumexp(1)
    return torch.where(positives > 0, terms, 0.0).mean()
