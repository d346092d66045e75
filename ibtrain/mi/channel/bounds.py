r"""Bounds on I(x; t) of a layer with known noise, without a critic.

Two bounds are limited by ln N and two are not. Together they show whether I(x; t) exceeds what N samples
can resolve.
"""

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from ibtrain.mi.channel.exact import (
    LogDensities,
    check_channel,
    in_noise_units,
    log_densities,
    mean_estimate,
    monte_carlo,
)
from ibtrain.mi.channel.inputs import Outputs, as_outputs
from ibtrain.mi.channel.pairwise import pairwise_bounds
from ibtrain.mi.result import Estimate

__all__ = ["ChannelBounds", "bracket", "channel_bounds", "leave_one_out", "log_det"]


@dataclass(frozen=True)
class ChannelBounds:
    """A lower bound, a value and an upper bound of I(x; t).

    Args:
        lower: Pairwise Bhattacharyya bound; at most ln N.
        value: Value of :func:`~ibtrain.mi.channel.exact.channel_mi`, exact for x uniform over the samples; at most
            ln N, and in expectation below the value for the distribution from which the samples were drawn.
        upper: The smaller of the leave-one-out and the log-determinant bounds, which are not limited by ln N.
        others: The remaining bounds, by name.
    """

    lower: Estimate
    value: Estimate
    upper: Estimate
    others: dict[str, Estimate]

    def __repr__(self) -> str:
        return f"<ChannelBounds: value {self.value}, lower {self.lower}, upper {self.upper}>"

    @property
    def limited(self) -> tuple[str, ...]:
        """Names of those of ``lower`` and ``value`` that have reached their limit ln N."""
        estimates = {"lower": self.lower, "value": self.value}
        return tuple(
            name for name, estimate in estimates.items() if "above_ceiling" in estimate.flags
        )


@torch.no_grad()
def channel_bounds(h: Outputs, noise_std: float, *, draws: int = 2, seed: int = 0) -> ChannelBounds:
    """Computes lower and upper bounds on I(x; t) of ``t = h + noise_std * eps``.

    Args:
        h: The layer's clean outputs, ``(n, dim)``.
        noise_std: Standard deviation of the noise, in the units of h; above 0.
        draws: Number of noise vectors per sample in the Monte Carlo estimates.
        seed: Seeds the noise.

    Raises:
        DataError: If ``h`` is no matrix of finite numbers.
        ValueError: If ``noise_std`` is not positive or ``draws`` is below 1.
    """
    start = time.perf_counter()
    h = as_outputs(h)
    # the expensive step is shared: the value and the leave-one-out bound use the same densities
    densities = _densities(h, noise_std, draws, seed)
    terms = torch.cat([block.own - block.all for block in densities], dim=1)
    value = monte_carlo(terms, None, time.perf_counter() - start)
    above = [_leave_one_out(densities, start), log_det(h, noise_std)]
    upper = min(above, key=lambda bound: bound.mi)
    above.remove(upper)
    pairwise = pairwise_bounds(h, noise_std)
    others = {bound.method: bound for bound in (pairwise.upper.mi_xt, *above)}
    return ChannelBounds(pairwise.lower.mi_xt, value, upper, others)


@torch.no_grad()
def leave_one_out(h: Outputs, noise_std: float, *, draws: int = 2, seed: int = 0) -> Estimate:
    r"""Computes an upper bound, in expectation over the samples, from a mixture without the sample's own centre.

    .. math:: \frac1N \sum_n E_\epsilon \log
        \frac{p(t_n \mid h_n)}{\frac1{N-1} \sum_{m \neq n} p(t_n \mid h_m)}

    Args:
        h: The layer's clean outputs, ``(n, dim)``.
        noise_std: Standard deviation of the noise.
        draws: Number of noise vectors per sample.
        seed: Seeds the noise.

    References:
        Poole et al. (arXiv 1905.06922), eq. 13.
    """
    start = time.perf_counter()
    return _leave_one_out(_densities(as_outputs(h), noise_std, draws, seed), start)


def _densities(h: Tensor, noise_std: float, draws: int, seed: int) -> list[LogDensities]:
    check_channel(noise_std, draws)
    return list(log_densities(in_noise_units(h, noise_std), [len(h)], draws, seed))


def _leave_one_out(densities: list[LogDensities], start: float) -> Estimate:
    terms = torch.cat([block.own - block.others for block in densities], dim=1)
    return mean_estimate("leave-one-out", terms.mean(dim=0).cpu().double(), math.inf, start)


@torch.no_grad()
def log_det(h: Outputs, noise_std: float) -> Estimate:
    r"""Computes an upper bound: the Gaussian has the largest entropy of all t with the same covariance.

    .. math:: \frac12 \log \left|I + \frac{\mathrm{Cov}(h)}{\sigma^2}\right|

    Args:
        h: The layer's clean outputs, ``(n, dim)``.
        noise_std: Standard deviation :math:`\sigma` of the noise.

    References:
        Cover & Thomas, Elements of Information Theory, theorem 8.6.5.
    """
    start = time.perf_counter()
    centred = as_outputs(h).cpu().double()
    centred = (centred - centred.mean(dim=0)) / noise_std
    covariance = centred.T @ centred / (len(h) - 1)
    total = covariance + torch.eye(len(covariance), dtype=torch.float64)
    value = 0.5 * torch.linalg.slogdet(total)[1]
    # first-order influence of each sample on the log-determinant
    slopes = 0.5 * (torch.linalg.solve(total, centred.T).T * centred).sum(dim=1)
    return mean_estimate("log-det", value + slopes - slopes.mean(), math.inf, start)


bracket = channel_bounds
"""Former name of :func:`channel_bounds`."""
