"""Bounds on I(x; t) of a layer with known noise from the distances between its outputs, and their I(t; y)."""

import math
import time
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ibtrain.mi.channel.exact import NEGLIGIBLE_NATS, in_noise_units, mean_estimate
from ibtrain.mi.channel.inputs import Classes, Outputs, as_classes, as_outputs
from ibtrain.mi.result import Estimate

__all__ = ["PairwiseBounds", "PairwiseValues", "pairwise_bounds"]

KL, BHATTACHARYYA = 1.0, 0.25
"""Factor of the squared distance in each bound."""
BLOCK_ENTRIES = 1 << 20
"""Number of distances in memory at a time: 4 MiB in float32. Blocks four times as large took a quarter longer."""


class PairwiseValues(NamedTuple):
    """The values of one bound.

    Args:
        mi_xt: The bound on I(x; t).
        mi_ty: The bound on I(x; t) minus its mean within the classes: an approximation of I(t; y), and no bound; None
            without labels.
    """

    mi_xt: Estimate
    mi_ty: Estimate | None


class PairwiseBounds(NamedTuple):
    """Values by the Bhattacharyya distance, whose ``mi_xt`` is a lower bound, and by the Kullback-Leibler divergence."""

    lower: PairwiseValues
    upper: PairwiseValues


@torch.no_grad()
def pairwise_bounds(h: Outputs, noise_std: float, labels: Classes | None = None) -> PairwiseBounds:
    r"""Bounds on I(x; t) from the distances between the samples' Gaussians, and the information about the label.

    .. math::
        I_a(x; t) = -\frac1N \sum_i \log \frac1N \sum_j \exp\left(-a \frac{\|h_i - h_j\|^2}{2 \sigma^2}\right),
        \qquad
        I_a(t; y) = I_a(x; t) - \sum_c \hat p(c)\, I_a(x; t \mid y = c)

    The factor a is 1 for the Kullback-Leibler divergence, which gives an upper bound on I(x; t), and 1/4 for the
    Bhattacharyya distance, which gives a lower bound. Both hold for x uniform over the samples.

    Args:
        h: The layer's clean outputs, ``(n, dim)``.
        noise_std: Standard deviation of the noise, :math:`\sigma`.
        labels: Class of each sample, from 0.

    Returns:
        Both bounds in nats.

    References:
        Kolchinsky & Tracey (arXiv 1706.02419), eq. 10 to 12; Saxe et al. (2018), appendix C, for I(t; y).

    Example:
        >>> h = torch.tensor([[0.0], [0.0], [100.0], [100.0]])
        >>> lower, upper = pairwise_bounds(h, 1.0, torch.tensor([0, 0, 1, 1]))
        >>> round(lower.mi_xt.mi, 4), round(upper.mi_ty.mi, 4)
        (0.6931, 0.6931)
    """
    start = time.perf_counter()
    h = as_outputs(h)
    one_class = torch.zeros(len(h), dtype=torch.long, device=h.device)
    classes = one_class if labels is None else as_classes(labels, h)
    counts = torch.bincount(classes).cpu().double()
    own_class = classes.cpu().unsqueeze(1)
    bounds = []
    for name, sums in zip(
        ("bhattacharyya", "kl"), _kernel_sums(h, noise_std, classes), strict=True
    ):
        terms = math.log(len(h)) - sums.sum(dim=1).log()
        method = f"pairwise-{name}"
        mi_xt = mean_estimate(method, terms, math.log(len(h)), start)
        mi_ty = None
        if labels is not None:
            within = counts.log()[own_class] - sums.gather(1, own_class).log()
            entropy = torch.special.entr(counts / len(h)).sum().item()
            mi_ty = mean_estimate(method, terms - within[:, 0], entropy, start, is_entropy=True)
        bounds.append(PairwiseValues(mi_xt, mi_ty))
    return PairwiseBounds(*bounds)


def _kernel_sums(
    h: Float[Tensor, "n dim"], noise_std: float, classes: Int[Tensor, " n"]
) -> list[Float[Tensor, "n classes"]]:
    """Sums of the kernels between each sample and the samples of each class, for each bound.

    No sum is below 1, the kernel of a sample with itself: kernels that are clamped are negligible, and nothing underflows.
    """
    centres = in_noise_units(h, noise_std)
    members = torch.nn.functional.one_hot(classes).to(centres)
    squares = -0.5 * centres.square().sum(dim=1)
    totals = [torch.zeros_like(members) for _ in (BHATTACHARYYA, KL)]
    rows = max(1, BLOCK_ENTRIES // len(centres))
    for first in range(0, len(centres), rows):
        block = centres[first : first + rows]
        last = first + len(block)
        # of each pair of blocks only one product is taken, because distances are symmetric
        logits = torch.addmm(squares[first:], block, centres[first:].T)
        logits += squares[first:last, None]
        # rounding errors would let a sample differ from itself
        index = torch.arange(len(block), device=logits.device)
        logits[index, index] = 0
        logits.clamp_(max=0)
        for share, total in zip((BHATTACHARYYA, KL), totals, strict=True):
            kernels = (logits * share).clamp_(min=-NEGLIGIBLE_NATS).exp_()
            total[first:last] += kernels @ members[first:]
            total[last:] += kernels[:, len(block) :].T @ members[first:last]
    return [total.cpu().double() for total in totals]
