"""The information profile of a layer: I(x; t) and I(t; y) as functions of the standard deviation of the noise."""

import math
import time
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ibtrain.mi.channel.exact import (
    NEGLIGIBLE_NATS,
    ChannelInformation,
    check_channel,
    in_noise_units,
    monte_carlo,
    noise_blocks,
)
from ibtrain.mi.channel.inputs import Classes, Outputs, as_classes, as_outputs

__all__ = ["channel_profile"]


@torch.no_grad()
def channel_profile(
    h: Outputs,
    noise_stds: Sequence[float],
    labels: Classes | None = None,
    *,
    draws: int = 2,
    seed: int = 0,
) -> list[ChannelInformation]:
    r"""Computes the values of :func:`~ibtrain.mi.channel.exact.channel_mi` for several standard deviations of the noise.

    All of them use the same noise vectors and two matrix products, because the densities are made of the distances
    between samples and of the projections of the noise on their differences:

    .. math::
        \log \frac{p(t_n \mid h_m)}{p(t_n \mid h_n)} =
            -\frac{\|h_n - h_m\|^2}{2 \sigma^2} - \frac{\epsilon_n \cdot (h_n - h_m)}{\sigma}

    Args:
        h: The layer's clean outputs, ``(n, dim)``.
        noise_stds: Standard deviations, in the units of h; above 0.
        labels: Class of each sample, ``(n,)``.
        draws: Number of noise vectors per sample.
        seed: Seeds the noise.

    Returns:
        The values at each standard deviation, in nats. They are those of ``channel_mi`` with the same seed, up to rounding.

    Raises:
        ValueError: If a standard deviation is not positive or ``draws`` is below 1.

    Example:
        >>> h = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
        >>> [round(point.mi_xt.mi, 1) for point in channel_profile(h, (0.01, 0.3, 10.0))]
        [4.6, 2.3, 0.0]
    """
    for noise_std in noise_stds:
        check_channel(noise_std, draws)
    start = time.perf_counter()
    h = as_outputs(h)
    one_class = torch.zeros(len(h), dtype=torch.long, device=h.device)
    classes = one_class if labels is None else as_classes(labels, h)
    order = classes.argsort() if labels is not None else torch.arange(len(h), device=h.device)
    # in units of the smallest noise, whose values need the highest precision
    centres = in_noise_units(h[order], min(noise_stds))
    shares = [min(noise_stds) / noise_std for noise_std in noise_stds]
    terms = _log_ratios(centres, classes[order].to(centres.device), shares, draws, seed)
    seconds = (time.perf_counter() - start) / len(noise_stds)
    frequencies = torch.bincount(classes) / len(h)
    entropy = torch.special.entr(frequencies).sum().item()
    profile = []
    for terms_xt, terms_ty in terms:
        mi_xt = monte_carlo(terms_xt, None, seconds)
        mi_ty = None if labels is None else monte_carlo(terms_ty, entropy, seconds)
        profile.append(ChannelInformation(mi_xt, mi_ty))
    return profile


def _log_ratios(
    centres: Float[Tensor, "n dim"],
    classes: Int[Tensor, " n"],
    shares: Sequence[float],
    draws: int,
    seed: int,
) -> list[tuple[Float[Tensor, "draws n"], Float[Tensor, "draws n"]]]:
    """The terms whose means are I(x; t) and I(t; y), for each share of the unit of the centres in the noise.

    The samples are sorted by class.
    """
    count = len(centres)
    squares = centres.square().sum(dim=1)
    counts = torch.bincount(classes).tolist()
    log_counts = torch.bincount(classes).log()
    terms: list[tuple[list[Tensor], list[Tensor]]] = [([], []) for _ in shares]
    for first, noise in noise_blocks(centres, draws, seed):
        block = centres[first : first + noise.shape[1]]
        index = torch.arange(len(block), device=block.device)
        distances = torch.addmm(squares, block, centres.T, alpha=-2)
        distances += squares[first : first + len(block), None]
        # rounding errors would let a sample differ from itself
        distances.clamp_(min=0)[index, first + index] = 0
        projections = noise @ centres.T
        projections -= projections[:, index, first + index].unsqueeze(2)
        label = classes[first : first + len(block)]
        for share, (terms_xt, terms_ty) in zip(shares, terms, strict=True):
            logits = (projections * share).sub_(distances, alpha=0.5 * share**2)
            # relative to the sample's own density: what is clamped below is negligible
            logits.clamp_(-NEGLIGIBLE_NATS, NEGLIGIBLE_NATS / 2).exp_()
            by_class = [members.sum(dim=2) for members in logits.split(counts, dim=2)]
            densities = torch.stack(by_class, dim=2)
            log_all = densities.sum(dim=2).log() - math.log(count)
            terms_xt.append(-log_all)
            terms_ty.append(densities[:, index, label].log() - log_counts[label] - log_all)
    return [(torch.cat(xt, dim=1), torch.cat(ty, dim=1)) for xt, ty in terms]
