"""The bandwidth of a kernel density estimate of a layer."""

import math

import torch
from jaxtyping import Float
from scipy.optimize import minimize_scalar
from torch import Tensor

__all__ = ["SEARCH_RANGE", "fitted_bandwidth"]

SEARCH_RANGE = (1e-3, 2.0)
"""Smallest and largest bandwidth of the search, as shares of the layer's radius."""
MAX_SAMPLES = 1000
"""Number of samples to which the bandwidth is fitted: more take longer, and hardly change it."""
GRID = 12
"""Number of bandwidths, evenly spaced in the logarithm, of which the best one is refined: there may be several maxima."""


@torch.no_grad()
def fitted_bandwidth(h: Float[Tensor, "n dim"]) -> tuple[float, bool]:
    r"""The bandwidth with the largest leave-one-out likelihood of the samples.

    .. math:: \max_s \frac1n \sum_i \log \frac1{n-1} \sum_{j \ne i} \mathcal N(h_i; h_j, s^2 I)

    Args:
        h: Activations, ``(n, dim)``; at most 1,000 of them, evenly spaced, are used.

    Returns:
        The bandwidth in the units of h, and whether it is at an end of the search: if each sample has a copy, the likelihood
        grows without limit as the bandwidth goes to 0.

    References:
        Kolchinsky, Tracey & Wolpert, Nonlinear information bottleneck (arXiv 1705.02436).

    Example:
        >>> round(fitted_bandwidth(torch.tensor([[0.0], [2.0]]))[0], 3)
        2.0
    """
    sample = h[:: math.ceil(len(h) / MAX_SAMPLES)].cpu().double()
    radius = float((sample - sample.mean(dim=0)).square().sum(dim=1).mean().sqrt())
    if radius == 0:
        return 1.0, True
    squares = (torch.cdist(sample, sample) / radius).square().fill_diagonal_(math.inf)

    def cost(log_bandwidth: float) -> float:
        logits = squares / (-2 * math.exp(2 * log_bandwidth))
        return h.shape[1] * log_bandwidth - float(logits.logsumexp(dim=1).mean())

    low, high = map(math.log, SEARCH_RANGE)
    step = (high - low) / (GRID - 1)
    best = min((low + step * index for index in range(GRID)), key=cost)
    inside = max(low, best - step), min(high, best + step)
    result = minimize_scalar(cost, bounds=inside, method="bounded", options={"xatol": 1e-4})
    is_at_end = bool(min(result.x - low, high - result.x) < 1e-3)
    return radius * math.exp(result.x), is_at_end
