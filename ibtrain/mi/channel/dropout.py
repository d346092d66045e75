r"""Exact I(x; t) and I(t; y) of a layer with Gaussian dropout, ``t = h * (1 + sqrt(alpha) * eps)``."""

import math
import time
from collections.abc import Iterator
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from ibtrain.backend.precision import to_float64
from ibtrain.io.hashing import hash_rows
from ibtrain.mi.channel.exact import (
    ChannelInformation,
    LogDensities,
    check_channel,
    mixture_densities,
    monte_carlo,
    noise_blocks,
)
from ibtrain.mi.channel.inputs import Classes, Outputs, as_classes, as_outputs
from ibtrain.mi.result import Estimate

__all__ = ["dropout_mi"]


@torch.no_grad()
def dropout_mi(
    h: Outputs,
    alpha: float,
    labels: Classes,
    *,
    draws: int = 2,
    seed: int = 0,
) -> ChannelInformation:
    r"""Computes I(x; t) and I(t; y) of multiplicative noise for x uniform over the given samples.

    Given a sample, the units are independent, :math:`t_j \sim \mathcal N(h_j, \alpha h_j^2)`, so that the noise of each
    sample has a shape of its own:

    .. math::
        \log p(t \mid h) = -\frac12 \sum_j \left( \frac{t_j^2}{\alpha h_j^2} - \frac{2 t_j}{\alpha h_j}
            + \frac1\alpha + \log 2 \pi \alpha h_j^2 \right)

    A unit with :math:`h_j = 0`, as after a ReLU, has no noise: :math:`t_j = 0` with certainty, and with probability zero for any
    other :math:`h_j`. Densities are therefore taken with respect to the sum of the Lebesgue measure and a point mass at 0 in
    each coordinate: samples with other inactive units have density zero, and among samples with the same ones the sum runs
    over the active units. Both values stay finite, at most ln N and H(Y).

    Args:
        h: The layer's clean outputs, ``(n, dim)``.
        alpha: Variance of the multiplicative noise, :math:`\alpha`; above 0. Dropout with the rate p has the variance
            p / (1 - p).
        labels: Class of each sample, whole numbers from 0, ``(n,)``.
        draws: Number of noise vectors per sample; at least 2.
        seed: Seeds the noise.

    Returns:
        Both values in nats, with the Monte Carlo errors over eps, flagged ``inactive`` where a unit is exactly 0.

    Raises:
        ValueError: If ``alpha`` is not positive or ``draws`` is below 2.

    References:
        Adilova et al. (arXiv 2303.00596), sections 3 and 4; Srivastava et al., Dropout (JMLR 15, 2014), section 10.

    Example:
        >>> h, labels = torch.tensor([[0.0], [1.0]]), torch.tensor([0, 1])
        >>> values = dropout_mi(h, 0.25, labels)  # whether the unit is inactive tells the samples apart
        >>> round(values.mi_xt.mi, 4), values.mi_xt.flags
        (0.6931, ('above_ceiling', 'inactive'))
    """
    check_channel(alpha, draws)
    start = time.perf_counter()
    h = as_outputs(h)
    classes = as_classes(labels, h)
    # squares of small activations, and their inverses, are beyond float32
    centres = to_float64(h[classes.argsort(stable=True)])
    blocks = list(_dropout_densities(centres, alpha, torch.bincount(classes).tolist(), draws, seed))
    terms_xt = torch.cat([block.own - block.all for block in blocks], dim=1)
    terms_ty = torch.cat([block.own_class - block.all for block in blocks], dim=1)
    entropy = torch.special.entr(torch.bincount(classes) / len(h)).sum().item()
    seconds = time.perf_counter() - start
    flags = ("inactive",) if (h == 0).any() else ()
    values: tuple[Estimate, ...] = (
        monte_carlo(terms_xt, None, seconds),
        monte_carlo(terms_ty, entropy, seconds),
    )
    return ChannelInformation(
        *(replace(value, method="dropout", flags=(*value.flags, *flags)) for value in values)
    )


def _dropout_densities(
    centres: Float[Tensor, "n dim"], alpha: float, counts: list[int], draws: int, seed: int
) -> Iterator[LogDensities]:
    """The densities of :func:`~ibtrain.mi.channel.exact.log_densities`, with multiplicative noise."""
    active = centres != 0
    patterns = torch.from_numpy(hash_rows(active.cpu().numpy()).view("int64")).to(centres.device)
    inverse = torch.where(active, 1 / centres, 0.0)
    weights = torch.cat([inverse.square(), -2 * inverse], dim=1) / alpha
    # the logarithm of the product of the standard deviations; terms of pi and alpha are common to a pattern
    log_scales = torch.where(active, centres.abs().log(), 0.0).sum(dim=1)
    constants = active.sum(dim=1) / (-2 * alpha) - log_scales
    for first, noise in noise_blocks(centres, draws, seed):
        rows = slice(first, first + noise.shape[1])
        t = centres[rows] * (1 + math.sqrt(alpha) * noise)
        logits = torch.cat([t.square(), t], dim=2) @ weights.T
        logits = logits.mul_(-0.5).add_(constants)
        logits.masked_fill_(patterns[rows, None] != patterns, -math.inf)
        log_own = -0.5 * (noise.square() * active[rows]).sum(dim=2) - log_scales[rows]
        yield mixture_densities(logits, torch.zeros_like(log_own), log_own, counts, first)
