"""Measures how much rows depend on earlier rows, as in a time series."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ibtrain.mi.samples import Side, StoredSamples

__all__ = ["variance_inflation"]

Array = NDArray[np.float64]

MAX_ROWS = 20_000
"""Maximum number of consecutive samples that are examined."""
MAX_COORDINATES = 16
"""Maximum number of evenly spaced coordinates of each side that are examined."""
MAX_LAGS = 1000
"""Maximum lag of the autocorrelations, unless two blocks are longer."""
MAX_LAG_GAP = 10
"""The sum ends at the first gap of more than this many lags without a significant product."""


def variance_inflation(samples: StoredSamples) -> float:
    r"""Computes the factor by which dependence between blocks inflates the variance of a covariance.

    .. math:: \frac{1 + 2 \sum_{l \ge 1} r_x(l) \, r_y(l)}
        {1 + 2 \sum_{1 \le l < b} (1 - l / b) \, r_x(l) \, r_y(l)}

    for the autocorrelations r of the ranks, averaged over coordinates (over classes if the side is discrete), and
    blocks of b rows. The sums end where the product stays below the noise level. A column in ascending or
    descending order is left out, as it is no evidence of an order in time: sorted samples are still independent.

    Args:
        samples: Samples in the order of their rows.

    Returns:
        The ratio of variances; 1 for independent rows.

    References:
        Bartlett, On the theoretical specification and sampling properties of autocorrelated
        time-series (1946).
    """
    rows = np.arange(min(MAX_ROWS, len(samples)))
    lags = min(max(MAX_LAGS, 2 * samples.block), len(rows) // 4)
    sides = [_columns(side, rows) for side in (samples.x, samples.y)]
    if lags < 1 or any(side.shape[1] == 0 for side in sides):
        return 1.0
    product = np.prod([_autocorrelation(side, lags) for side in sides], axis=0)
    significant = np.flatnonzero(product >= 3 / len(rows))
    gaps = np.flatnonzero(np.diff(significant, prepend=-1) > MAX_LAG_GAP)
    significant = significant[: gaps[0]] if len(gaps) else significant
    product = product[: significant[-1] + 1] if len(significant) else product[:0]
    lag = np.arange(1, len(product) + 1)
    within_blocks = 1 + 2 * (product * np.clip(1 - lag / samples.block, 0, None)).sum()
    return float((1 + 2 * product.sum()) / within_blocks)


def _columns(side: Side, rows: NDArray[np.int64]) -> Array:
    """Returns the columns that are not sorted; a side with few classes becomes one indicator column for each class."""
    values = side.numbers(rows)
    steps = np.diff(values, axis=0)
    is_sorted = (steps >= 0).all(axis=0) | (steps <= 0).all(axis=0)
    unsorted: Array = values[:, ~is_sorted]
    if side.classes is not None and side.num_classes <= MAX_COORDINATES and unsorted.size:
        unsorted = np.eye(side.num_classes)[side.labels(rows)]
    return unsorted


def _autocorrelation(values: Array, lags: int) -> Array:
    """Computes the mean autocorrelation of evenly spaced columns at lags 1, 2, ..., ``(lags,)``."""
    chosen = np.unique(np.linspace(0, values.shape[1] - 1, MAX_COORDINATES).astype(int))
    ranks = np.stack([rankdata(column) for column in values[:, chosen].T])
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    size = 1 << math.ceil(math.log2(2 * centred.shape[1]))
    power = np.abs(np.fft.rfft(centred, size, axis=1)) ** 2
    covariance = np.fft.irfft(power, size, axis=1)[:, : lags + 1]
    variance = np.maximum(covariance[:, :1], np.finfo(float).tiny)
    correlation: Array = (covariance / variance).mean(axis=0)[1:]
    return correlation
