"""Rows that depend on the rows before them, as in a time series."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ibtrain.mi.samples import Side, StoredSamples

__all__ = ["variance_inflation"]

Array = NDArray[np.float64]

MAX_ROWS = 20_000
"""Consecutive samples that are looked at."""
COORDINATES = 16
"""Coordinates of each side, evenly spread, that are looked at."""
MOST_LAGS = 1000
MAX_GAP = 10
"""Lags at which the product is noise after which it is noise for good."""


def variance_inflation(samples: StoredSamples) -> float:
    r"""How much larger a covariance's variance is than its blocks show, or independent rows would.

    .. math:: \frac{1 + 2 \sum_{l \ge 1} r_x(l) \, r_y(l)}
        {1 + 2 \sum_{1 \le l < b} (1 - l / b) \, r_x(l) \, r_y(l)}

    for the autocorrelations r of the ranks, averaged over coordinates (of a side of classes: over classes), up
    to where their product stays noise, and blocks of b rows. A column in ascending or descending order says
    nothing of an order in time, and is left out: samples sorted by one side are independent all the same.

    Args:
        samples: In the order of their rows.

    Returns:
        1 for independent rows.

    References:
        Bartlett, On the theoretical specification and sampling properties of autocorrelated
        time-series (1946).
    """
    rows = np.arange(min(MAX_ROWS, len(samples)))
    lags = min(max(MOST_LAGS, 2 * samples.block), len(rows) // 4)
    sides = [_columns(side, rows) for side in (samples.x, samples.y)]
    if lags < 1 or any(side.shape[1] == 0 for side in sides):
        return 1.0
    product = np.prod([_autocorrelation(side, lags) for side in sides], axis=0)
    heard = np.flatnonzero(product >= 3 / len(rows))
    gaps = np.flatnonzero(np.diff(heard, prepend=-1) > MAX_GAP)
    heard = heard[: gaps[0]] if len(gaps) else heard
    product = product[: heard[-1] + 1] if len(heard) else product[:0]
    lag = np.arange(1, len(product) + 1)
    of_blocks = 1 + 2 * (product * np.clip(1 - lag / samples.block, 0, None)).sum()
    return float((1 + 2 * product.sum()) / of_blocks)


def _columns(side: Side, rows: NDArray[np.int64]) -> Array:
    """The columns that neither only rise nor only fall; few classes have one each."""
    values = side.numbers(rows)
    steps = np.diff(values, axis=0)
    is_sorted = (steps >= 0).all(axis=0) | (steps <= 0).all(axis=0)
    unsorted: Array = values[:, ~is_sorted]
    if side.classes is not None and side.num_classes <= COORDINATES and unsorted.size:
        unsorted = np.eye(side.num_classes)[side.labels(rows)]
    return unsorted


def _autocorrelation(values: Array, lags: int) -> Array:
    """The mean autocorrelation of some columns at lags 1, 2, ..., ``(lags,)``."""
    chosen = np.unique(np.linspace(0, values.shape[1] - 1, COORDINATES).astype(int))
    ranks = np.stack([rankdata(column) for column in values[:, chosen].T])
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    size = 1 << math.ceil(math.log2(2 * centred.shape[1]))
    power = np.abs(np.fft.rfft(centred, size, axis=1)) ** 2
    covariance = np.fft.irfft(power, size, axis=1)[:, : lags + 1]
    variance = np.maximum(covariance[:, :1], np.finfo(float).tiny)
    correlation: Array = (covariance / variance).mean(axis=0)[1:]
    return correlation
