r"""I(x; t) and I(t; y) of a layer whose noise is known, ``t = h + sigma * eps``.

The noise is ours, so :math:`p(t \mid h)` is known exactly and :math:`p(t)` is a mixture of
Gaussians centred on the samples' own h. No critic is fitted: for x uniform over the N samples the
values are exact but for the Monte Carlo over eps, whose standard error comes with them.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ibtrain.backend.seeding import generator
from ibtrain.mi.result import Estimate, value_flags

__all__ = [
    "BLOCK_ENTRIES",
    "ChannelInformation",
    "LogDensities",
    "channel",
    "channel_mi",
    "check_channel",
    "in_noise_units",
    "log_densities",
    "log_sum_exp",
    "monte_carlo",
]

BLOCK_ENTRIES = 1 << 22
"""Distances held at once: 16 MiB in float32, which a processor's last cache holds. A block of four times as
many took up to twice as long, one of a sixteenth up to a third longer."""

TOLERANCE = 1e-2
"""Rounding, in nats, that a squared distance may suffer before everything is done in float64."""

NEGLIGIBLE = 80.0
"""Nats below the largest term at which the next one, :math:`10^{-35}` of it, might as well be missing."""


@dataclass(frozen=True)
class ChannelInformation:
    """What a noisy layer knows: ``mi_xt`` of the input and, where labels are given, ``mi_ty``."""

    mi_xt: Estimate
    mi_ty: Estimate | None


@torch.no_grad()
def channel_mi(
    h: Float[Tensor, "n dim"],
    noise_std: float,
    labels: Int[Tensor, " n"] | None = None,
    *,
    draws: int = 2,
    seed: int = 0,
) -> ChannelInformation:
    r"""I(x; t), and I(t; y), for x uniform over the given samples.

    .. math::
        I(x; t) = \frac1N \sum_n E_\epsilon \log \frac{p(t_n \mid h_n)}{\frac1N \sum_m p(t_n \mid h_m)},
        \qquad
        I(t; y) = \frac1N \sum_n E_\epsilon \log
            \frac{\frac1{N_{y_n}} \sum_{m: y_m = y_n} p(t_n \mid h_m)}{\frac1N \sum_m p(t_n \mid h_m)}

    A sample's distance to its own centre is computed from eps, never as a difference of large
    numbers, so that no term exceeds ln N; distances between samples are in float64 where float32
    would not do.

    Args:
        h: The layer's clean outputs, ``(n, dim)``.
        noise_std: Standard deviation of the noise, in the units of h; above 0.
        labels: Each sample's class, ``(n,)``.
        draws: Noise vectors a sample; at least 2, so that their spread gives the standard error.
        seed: Of the noise.

    Returns:
        Both values in nats. Their standard errors are those of the Monte Carlo over eps; the N
        samples are the whole population here, so that a value for another population (one that
        they were drawn from) differs by more.

    Raises:
        ValueError: ``noise_std`` is not positive or ``draws`` is below 2.

    References:
        Goldfeld et al. (arXiv 1810.05728), section IV; Kolchinsky & Tracey (arXiv 1706.02419).
    """
    check_channel(noise_std, draws)
    start = time.perf_counter()
    order = torch.arange(len(h), device=h.device) if labels is None else labels.argsort()
    counts = [len(h)] if labels is None else torch.bincount(labels).tolist()
    scaled = in_noise_units(h[order], noise_std)
    terms_xt, terms_ty = [], []
    for densities in log_densities(scaled, counts, draws, seed):
        terms_xt.append(densities.own - densities.all)
        terms_ty.append(densities.own_class - densities.all)
    seconds = time.perf_counter() - start
    mi_xt = monte_carlo(torch.cat(terms_xt, dim=1), None, seconds)
    if labels is None:
        return ChannelInformation(mi_xt, None)
    shares = torch.tensor([count / len(h) for count in counts if count])
    entropy = -(shares * shares.log()).sum().item()
    return ChannelInformation(mi_xt, monte_carlo(torch.cat(terms_ty, dim=1), entropy, seconds))


def check_channel(noise_std: float, draws: int) -> None:
    """Raises a ValueError where there is no noise, or no spread to take a standard error from."""
    if noise_std <= 0 or draws < 2:
        raise ValueError(f"noise_std={noise_std}, draws={draws}: expected above 0, and 2 or more")


def in_noise_units(h: Float[Tensor, "n dim"], noise_std: float) -> Float[Tensor, "n dim"]:
    """Centred samples divided by the noise, in float64 where squared distances need it."""
    scaled = (h - h.mean(dim=0)) / noise_std
    if scaled.square().sum(dim=1).max() * torch.finfo(h.dtype).eps <= TOLERANCE:
        return scaled
    # near samples' distances would drown in the rounding of their squares
    precise = h.to("cpu" if h.device.type == "mps" else h.device).double()
    return (precise - precise.mean(dim=0)) / noise_std


class LogDensities(NamedTuple):
    """Log densities at noisy samples, each ``(draws, rows)``, up to one constant.

    Args:
        own: ``log p(t|h)``.
        all: ``log p(t)``, the mixture over all samples.
        others: The mixture over all samples but the own.
        own_class: ``log p(t|y)``, the mixture over the samples of the own class.
    """

    own: Tensor
    all: Tensor
    others: Tensor
    own_class: Tensor


def log_densities(
    centres: Float[Tensor, "n dim"], counts: list[int], draws: int, seed: int
) -> Iterator[LogDensities]:
    """Densities of noisy samples under mixtures of the samples' Gaussians, in blocks of rows.

    Args:
        centres: The samples in units of the noise, sorted by class.
        counts: Samples of each class.
        draws: Noise vectors a sample.
        seed: Of the noise.
    """
    count, dim = centres.shape
    minus_half_squares = -0.5 * centres.square().sum(dim=1)
    randomness = generator(centres.device, seed, "channel noise")
    rows = max(1, BLOCK_ENTRIES // (draws * count))
    classes = torch.repeat_interleave(
        torch.arange(len(counts), device=centres.device),
        torch.tensor(counts, device=centres.device),
    )
    log_counts = torch.tensor(counts, device=centres.device).log()
    for first in range(0, count, rows):
        own = centres[first : first + rows]
        shape = (draws, len(own), dim)
        noise = torch.randn(shape, generator=randomness, device=own.device, dtype=own.dtype)
        t = own + noise
        log_own = -0.5 * noise.square().sum(dim=2)
        # -|t - c|^2 / 2 but for -|t|^2 / 2, which is the same for every c: one pass over the product
        logits = torch.addmm(minus_half_squares, t.view(-1, dim), centres.T)
        logits = logits.view(draws, len(own), count)
        index = torch.arange(len(own), device=own.device)
        logits[:, index, first + index] = -math.inf
        by_class = torch.stack([log_sum_exp(part) for part in logits.split(counts, dim=2)], dim=2)
        by_class -= 0.5 * t.square().sum(dim=2, keepdim=True)
        others = log_sum_exp(by_class)
        label = classes[first : first + rows]
        own_class = torch.logaddexp(by_class[:, index, label], log_own)
        yield LogDensities(
            own=log_own,
            all=torch.logaddexp(others, log_own) - math.log(count),
            others=others - math.log(count - 1),
            own_class=own_class - log_counts[label],
        )


def log_sum_exp(logits: Float[Tensor, "*rows n"]) -> Float[Tensor, "*rows"]:
    """Logarithm of the sum of exponentials along the last dimension, quick where most underflow.

    A CPU takes ten to forty times as long over an exponential that is zero or denormal, and far
    samples' are. What lies more than :data:`NEGLIGIBLE` below its row's largest counts as if it lay there.
    """
    largest = logits.amax(dim=-1, keepdim=True).clamp_min(torch.finfo(logits.dtype).min)
    shifted = (logits - largest).clamp_(min=-NEGLIGIBLE)
    return shifted.exp_().sum(dim=-1).log_().add_(largest.squeeze(-1))


def monte_carlo(
    terms: Float[Tensor, "draws n"], label_entropy: float | None, seconds: float
) -> Estimate:
    """The mean of log-ratios over samples and noise, with the standard error of the noise alone."""
    draws, count = terms.shape
    terms = terms.cpu().double()
    mi = terms.mean().item()
    ceiling = math.log(count) if label_entropy is None else label_entropy
    stderr = (terms.var(dim=0).sum() / draws).sqrt().item() / count
    return Estimate(
        mi=mi,
        stderr=stderr,
        method="channel",
        ceiling=ceiling,
        flags=value_flags(mi, stderr, ceiling=ceiling, is_entropy=label_entropy is not None),
        n_test=count,
        seconds=seconds,
    )


channel = channel_mi
"""Former name of :func:`channel_mi`."""
