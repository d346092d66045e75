r"""Exact I(x; t) and I(t; y) of a layer with known noise, ``t = h + sigma * eps``.

The noise distribution is known, so :math:`p(t \mid h)` is known exactly and :math:`p(t)` is a mixture of
Gaussians centred on the samples' outputs h. No critic is fitted: for x uniform over the N samples the values
are exact up to the Monte Carlo error over eps, which the standard errors report.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from ibtrain.backend.precision import to_float64
from ibtrain.backend.seeding import generator
from ibtrain.mi.channel.inputs import Classes, Outputs, as_classes, as_outputs
from ibtrain.mi.result import Estimate, plain_estimate

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
    "mean_estimate",
    "mixture_densities",
    "monte_carlo",
    "noise_blocks",
]

BLOCK_ENTRIES = 1 << 22
"""Number of distances in memory at a time: 16 MiB in float32, which fits in a CPU's last-level cache. Blocks four times
as large took up to twice as long, blocks a sixteenth as large up to a third longer."""

MAX_ROUNDING_ERROR = 1e-2
"""Largest rounding error of a squared distance, in nats, in float32; above it, float64 is used."""

NEGLIGIBLE_NATS = 80.0
"""Difference to the largest log term, in nats, at which a term is negligible: :math:`10^{-35}` of the largest."""


@dataclass(frozen=True)
class ChannelInformation:
    """Information of a noisy layer: ``mi_xt`` is I(x; t), ``mi_ty`` is I(t; y) or None without labels."""

    mi_xt: Estimate
    mi_ty: Estimate | None


@torch.no_grad()
def channel_mi(
    h: Outputs,
    noise_std: float,
    labels: Classes | None = None,
    *,
    draws: int = 2,
    seed: int = 0,
) -> ChannelInformation:
    r"""Computes I(x; t) and I(t; y) for x uniform over the given samples.

    .. math::
        I(x; t) = \frac1N \sum_n E_\epsilon \log \frac{p(t_n \mid h_n)}{\frac1N \sum_m p(t_n \mid h_m)},
        \qquad
        I(t; y) = \frac1N \sum_n E_\epsilon \log
            \frac{\frac1{N_{y_n}} \sum_{m: y_m = y_n} p(t_n \mid h_m)}{\frac1N \sum_m p(t_n \mid h_m)}

    The distance of a noisy sample to its own centre is computed from eps and not as a difference of large
    numbers, so that no term exceeds ln N; distances between samples are computed in float64 if float32
    is not accurate enough.

    Args:
        h: The layer's clean outputs, ``(n, dim)``.
        noise_std: Standard deviation of the noise, in the units of h; above 0.
        labels: Class of each sample, ``(n,)``, from 0.
        draws: Number of noise vectors per sample.
        seed: Seeds the noise.

    Returns:
        Both values in nats. The standard errors are the Monte Carlo errors over eps, from the spread of the draws. The N
        samples are the whole population here; the error with respect to the distribution from which they were drawn is
        larger. With a single draw, the spread of the samples takes the place of the draws' spread, and the standard errors
        are too large.

    Raises:
        DataError: If ``h`` is no matrix of finite numbers, or ``labels`` are not classes of its rows.
        ValueError: If ``noise_std`` is not positive or ``draws`` is below 1.

    References:
        Goldfeld et al. (arXiv 1810.05728), section IV; Kolchinsky & Tracey (arXiv 1706.02419).
    """
    check_channel(noise_std, draws)
    start = time.perf_counter()
    h = as_outputs(h)
    classes = None if labels is None else as_classes(labels, h)
    order = torch.arange(len(h), device=h.device) if classes is None else classes.argsort()
    counts = [len(h)] if classes is None else torch.bincount(classes).tolist()
    scaled = in_noise_units(h[order], noise_std)
    terms_xt, terms_ty = [], []
    for densities in log_densities(scaled, counts, draws, seed):
        terms_xt.append(densities.own - densities.all)
        terms_ty.append(densities.own_class - densities.all)
    seconds = time.perf_counter() - start
    mi_xt = monte_carlo(torch.cat(terms_xt, dim=1), None, seconds)
    if classes is None:
        return ChannelInformation(mi_xt, None)
    shares = torch.tensor([count / len(h) for count in counts if count])
    entropy = -(shares * shares.log()).sum().item()
    return ChannelInformation(mi_xt, monte_carlo(torch.cat(terms_ty, dim=1), entropy, seconds))


def check_channel(noise_std: float, draws: int) -> None:
    """Raises a ValueError if there is no noise, or no draw of it."""
    if noise_std <= 0 or draws < 1:
        raise ValueError(f"noise_std={noise_std}, draws={draws}: expected above 0, and 1 or more")


def in_noise_units(h: Float[Tensor, "n dim"], noise_std: float) -> Float[Tensor, "n dim"]:
    """Divides centred samples by the noise's standard deviation, in float64 if float32 is not accurate enough."""
    scaled = (h - h.mean(dim=0)) / noise_std
    if scaled.square().sum(dim=1).max() * torch.finfo(h.dtype).eps <= MAX_ROUNDING_ERROR:
        return scaled
    # rounding errors of the squares would exceed the distances between close samples
    precise = to_float64(h)
    return (precise - precise.mean(dim=0)) / noise_std


class LogDensities(NamedTuple):
    """Log densities of noisy samples, each ``(draws, rows)``, up to one common constant.

    Args:
        own: Density ``log p(t|h)`` given the sample's output.
        all: Density ``log p(t)`` of the mixture over all samples.
        others: Density of the mixture over all samples except the sample itself.
        own_class: Density ``log p(t|y)`` of the mixture over the samples of the sample's class.
    """

    own: Tensor
    all: Tensor
    others: Tensor
    own_class: Tensor


def log_densities(
    centres: Float[Tensor, "n dim"], counts: list[int], draws: int, seed: int
) -> Iterator[LogDensities]:
    """Computes the densities of noisy samples under mixtures of the samples' Gaussians, in blocks of rows.

    Args:
        centres: Samples in units of the noise's standard deviation, sorted by class.
        counts: Number of samples of each class.
        draws: Number of noise vectors per sample.
        seed: Seeds the noise.
    """
    count, dim = centres.shape
    minus_half_squares = -0.5 * centres.square().sum(dim=1)
    for first, noise in noise_blocks(centres, draws, seed):
        t = centres[first : first + noise.shape[1]] + noise
        # -|t - c|^2 / 2 without -|t|^2 / 2, which is the same for every c: one pass over the product
        logits = torch.addmm(minus_half_squares, t.view(-1, dim), centres.T).view(draws, -1, count)
        common = -0.5 * t.square().sum(dim=2)
        yield mixture_densities(logits, common, -0.5 * noise.square().sum(dim=2), counts, first)


def mixture_densities(
    logits: Float[Tensor, "draws rows n"],
    common: Float[Tensor, "draws rows"],
    log_own: Float[Tensor, "draws rows"],
    counts: list[int],
    first: int,
) -> LogDensities:
    """Computes the densities of noisy samples under mixtures of the conditional densities given each sample.

    Args:
        logits: Log density given each of the n samples, without the common term; changed in place.
        common: Term of the log densities that is the same for all n samples.
        log_own: Log density given the sample's output, with the common term.
        counts: Number of samples of each class; the samples are sorted by class.
        first: Index of the first of the noisy samples.
    """
    rows, count = logits.shape[1:]
    index = torch.arange(rows, device=logits.device)
    logits[:, index, first + index] = -math.inf
    by_class = torch.stack(
        [log_sum_exp(class_logits) for class_logits in logits.split(counts, dim=2)], dim=2
    )
    by_class += common.unsqueeze(2)
    others = log_sum_exp(by_class)
    sizes = torch.tensor(counts, device=logits.device)
    label = torch.repeat_interleave(sizes)[first : first + rows]
    own_class = torch.logaddexp(by_class[:, index, label], log_own)
    return LogDensities(
        own=log_own,
        all=torch.logaddexp(others, log_own) - math.log(count),
        others=others - math.log(count - 1),
        own_class=own_class - sizes.log()[label],
    )


def noise_blocks(
    centres: Float[Tensor, "n dim"], draws: int, seed: int
) -> Iterator[tuple[int, Float[Tensor, "draws rows dim"]]]:
    """Yields standard normal noise for blocks of rows: the first row of each block, and its noise.

    Args:
        centres: Samples, whose number, device and type the noise has.
        draws: Number of noise vectors per sample.
        seed: Seeds the noise.
    """
    count, dim = centres.shape
    randomness = generator(centres.device, seed, "channel noise")
    rows = max(1, BLOCK_ENTRIES // (draws * count))
    for first in range(0, count, rows):
        shape = (draws, min(rows, count - first), dim)
        yield (
            first,
            torch.randn(shape, generator=randomness, device=centres.device, dtype=centres.dtype),
        )


def log_sum_exp(logits: Float[Tensor, "*rows n"]) -> Float[Tensor, "*rows"]:
    """Computes the logarithm of the sum of exponentials along the last dimension, also fast if most terms underflow.

    On a CPU, an exponential that is zero or denormal takes ten to forty times as long, and for distant samples it
    is. Logits more than :data:`NEGLIGIBLE_NATS` below the row's largest are therefore clamped to that level.
    """
    largest = logits.amax(dim=-1, keepdim=True).clamp_min(torch.finfo(logits.dtype).min)
    shifted = (logits - largest).clamp_(min=-NEGLIGIBLE_NATS)
    return shifted.exp_().sum(dim=-1).log_().add_(largest.squeeze(-1))


def monte_carlo(
    terms: Float[Tensor, "draws n"], label_entropy: float | None, seconds: float
) -> Estimate:
    """Computes the mean of log-ratios over samples and noise, with the standard error of the noise only.

    With one draw, the standard error is an upper limit: the variance over samples and noise together.
    """
    draws, count = terms.shape
    terms = terms.cpu().double()
    mi = terms.mean().item()
    ceiling = math.log(count) if label_entropy is None else label_entropy
    variance = terms.var(dim=0).sum() / draws if draws > 1 else count * terms.var()
    stderr = variance.sqrt().item() / count
    return plain_estimate(
        mi,
        stderr,
        method="channel",
        ceiling=ceiling,
        n_test=count,
        seconds=seconds,
        is_entropy=label_entropy is not None,
    )


def mean_estimate(
    method: str, terms: Tensor, ceiling: float, start: float, *, is_entropy: bool = False
) -> Estimate:
    """The mean of one term for each sample, with its standard error.

    Args:
        method: Name of the estimator.
        terms: One term for each sample, ``(n,)``.
        ceiling: Largest value that the method can report.
        start: Time at which the computation started.
        is_entropy: Whether the ceiling is H(Y).
    """
    mi = terms.mean().item()
    stderr = (terms.var() / len(terms)).sqrt().item()
    return plain_estimate(
        mi,
        stderr,
        method=method,
        ceiling=ceiling,
        n_test=len(terms),
        seconds=time.perf_counter() - start,
        is_entropy=is_entropy,
    )


channel = channel_mi
"""Former name of :func:`channel_mi`."""
