"""Bounds on I(x; t) of a layer with known noise from the distances between its outputs, and their I(t; y)."""

import math
import time
from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from scipy.stats import entropy
from torch import Tensor

from ibtrain.mi.channel.exact import BLOCK_ENTRIES, in_noise_units, log_sum_exp, mean_estimate
from ibtrain.mi.result import Estimate

__all__ = ["PairwiseValues", "pairwise", "pairwise_values"]

KL, BHATTACHARYYA = 1.0, 0.25
"""Factor of the squared distance in each bound."""
NAMES = {KL: "pairwise-kl", BHATTACHARYYA: "pairwise-bhattacharyya"}


class PairwiseValues(NamedTuple):
    """The values of one bound.

    Args:
        mi_xt: The bound on I(x; t).
        mi_ty: The bound on I(x; t) minus its mean within the classes: an approximation of I(t; y), and no bound.
    """

    mi_xt: Estimate
    mi_ty: Estimate


@torch.no_grad()
def pairwise(h: Float[Tensor, "n dim"], noise_std: float, share: float) -> Estimate:
    r"""A bound on I(x; t) from the distances between the samples' Gaussians.

    .. math:: -\frac1N \sum_i \log \frac1N \sum_j \exp\left(-a \frac{\|h_i - h_j\|^2}{2 \sigma^2}\right)

    Args:
        h: The layer's clean outputs, ``(n, dim)``.
        noise_std: Standard deviation of the noise, :math:`\sigma`.
        share: Factor a: 1 is the Kullback-Leibler divergence, and gives an upper bound; 1/4 is the Bhattacharyya
            distance, and gives a lower bound. Both hold for x uniform over the samples.

    References:
        Kolchinsky & Tracey (arXiv 1706.02419), eq. 10 to 12.
    """
    start = time.perf_counter()
    ceiling = math.log(len(h))
    return mean_estimate(NAMES[share], _terms(h, noise_std, share), ceiling, start)


@torch.no_grad()
def pairwise_values(
    h: Float[Tensor, "n dim"], labels: Int[Tensor, " n"], noise_std: float, share: float
) -> PairwiseValues:
    r"""The bound of :func:`pairwise`, and the information about the label that follows from it.

    .. math:: I_a(t; y) = I_a(x; t) - \sum_c \hat p(c)\, I_a(x; t \mid y = c)

    Args:
        h: The layer's clean outputs, ``(n, dim)``.
        labels: Class of each sample, from 0.
        noise_std: Standard deviation of the noise.
        share: Factor a of :func:`pairwise`.

    References:
        Saxe et al. (2018), appendix C, who use these values.
    """
    start = time.perf_counter()
    terms = _terms(h, noise_std, share)
    mi_xt = mean_estimate(NAMES[share], terms, math.log(len(h)), start)
    within = torch.empty_like(terms)
    for label in labels.unique():
        index = labels == label
        within[index.cpu()] = _terms(h[index], noise_std, share)
    label_entropy = float(entropy(labels.bincount().cpu()))
    mi_ty = mean_estimate(NAMES[share], terms - within, label_entropy, start, is_entropy=True)
    return PairwiseValues(mi_xt, mi_ty)


def _terms(h: Tensor, noise_std: float, share: float) -> Float[Tensor, " n"]:
    """The term of each sample, whose mean is the bound."""
    centres = in_noise_units(h, noise_std)
    # the sum over j is also a mean over samples, but it varies far less
    kernels = torch.cat(list(_log_kernels(centres, share))).cpu().double()
    return math.log(len(h)) - kernels


def _log_kernels(centres: Tensor, share: float) -> Iterator[Tensor]:
    squares = centres.square().sum(dim=1)
    rows = max(1, BLOCK_ENTRIES // len(centres))
    for first in range(0, len(centres), rows):
        block = centres[first : first + rows]
        distances = (block @ centres.T).mul_(-2).add_(squares)
        distances.add_(squares[first : first + rows].unsqueeze(1)).clamp_(min=0)
        index = torch.arange(len(block), device=block.device)
        distances[index, first + index] = 0
        yield log_sum_exp(distances.mul_(-0.5 * share))
