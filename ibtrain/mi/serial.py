"""Rows that depend on the rows before them, as in a time series."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ibtrain.mi.samples import StoredSamples

__all__ = ["variance_inflation"]

Array = NDArray[np.float64]

LOOKED_AT = 20_000
"""Consecutive samples that are looked at."""
COORDINATES = 16
"""Coordinates of each side, evenly spread, that are looked at."""
MOST_LAGS = 1000


def variance_inflation(samples: StoredSamples) -> float:
    r"""How much larger a covariance's variance is than with independent rows.

    .. math:: 1 + 2 \sum_{l \ge 1} r_x(l) \, r_y(l)

    for the autocorrelations r of the ranks, averaged over coordinates (of a label: of its classes), up to
    the first lag at which their product is noise. Samples sorted by one side are not in an order in time,
    and are independent all the same.

    Args:
        samples: In the order of their rows.

    Returns:
        1 for independent rows.

    References:
        Bartlett, On the theoretical specification and sampling properties of autocorrelated
        time-series (1946).
    """
    rows = np.arange(min(LOOKED_AT, len(samples)))
    part = samples.take(rows)
    if part.labels is not None:
        y = (
            np.eye(samples.num_classes)[part.labels]
            if samples.num_classes <= COORDINATES
            else part.y
        )
    else:
        y = part.y
    if _is_sorted(part.x) or _is_sorted(part.y):
        return 1.0
    lags = min(MOST_LAGS, len(rows) // 4)
    product = _autocorrelation(part.x, lags) * _autocorrelation(y, lags)
    noise = 3 / len(rows)
    quiet = np.flatnonzero(product < noise)
    last = quiet[0] if len(quiet) else lags
    return float(1 + 2 * product[:last].sum())


def _is_sorted(values: Array) -> bool:
    """Whether some column only rises or only falls."""
    steps = np.diff(values[:, :COORDINATES], axis=0)
    return bool((steps >= 0).all(axis=0).any() or (steps <= 0).all(axis=0).any())


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
