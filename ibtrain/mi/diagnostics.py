"""Detects problems of samples before estimation: too few samples, deterministic relations."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ibtrain.mi.marginals import Standardised

__all__ = ["is_function_of", "sample_flags"]

Array = NDArray[np.float64]

MAX_RELATIVE_RESIDUAL = 0.02
"""Largest residual of a local linear fit, as a share of the coordinate's local range, that counts as exact."""
MAX_PROBES = 200
"""Maximum number of samples at which a local linear fit is tried."""
MIN_EXACT_SHARE = 0.2
"""Share of the probes that must be exact; near a kink, and where y is flat, the test can't recognise a function."""


def is_function_of(x: Array, y: Array) -> bool:
    """Returns whether y looks like a deterministic, piecewise smooth function of x.

    At each of a few samples, y is fitted as a linear function of x on the sample's nearest neighbours, without the
    sample itself. If y is deterministic, the prediction error at the sample is a tiny share of the neighbours'
    range. In many dimensions neighbours are far away, and a curved function may not be recognised.

    Args:
        x: ``(n, dim_x)``.
        y: ``(n, dim_y)``.
    """
    count, dim = x.shape
    neighbours = 2 * (dim + 1) + 1
    if count < 2 * neighbours:
        return False
    x = Standardised(x)(x)
    # y is only scaled: a shift would add rounding errors where y is exactly flat
    y = y / np.maximum(np.abs(y).max(axis=0), np.finfo(np.float64).tiny)
    probes = np.linspace(0, count - 1, min(MAX_PROBES, count)).astype(int)
    _, nearest = cKDTree(x).query(x[probes], neighbours)
    exact = 0
    for probe, closest in zip(probes, nearest, strict=True):
        others = closest[closest != probe]
        tied = (x[others] == x[probe]).all(axis=1)
        if (y[others[tied]] != y[probe]).any():
            continue
        design = np.column_stack([np.ones(len(others)), x[others] - x[probe]])
        coefficients, *_ = np.linalg.lstsq(design, y[others], rcond=None)
        span = np.ptp(y[others], axis=0)
        residual = np.abs(coefficients[0] - y[probe])
        exact += bool(span.any() and (residual <= MAX_RELATIVE_RESIDUAL * span).all())
    return exact >= MIN_EXACT_SHARE * len(probes)


def sample_flags(x: Array, y: Array, labels: NDArray[np.int64] | None = None) -> tuple[str, ...]:
    """Returns the flags that apply to every estimate from these samples.

    ``undersampled``: there are not more samples than dimensions. ``deterministic``: one side is a
    function of the other, so that the mutual information of continuous variables is infinite.

    Args:
        x: ``(n, dim_x)``.
        y: ``(n, dim_y)``.
        labels: Class of each sample if y is discrete; a label that is a function of x is not flagged.
    """
    flags = []
    if len(x) <= x.shape[1] + (y.shape[1] if labels is None else 0):
        flags.append("undersampled")
    if labels is None and (is_function_of(x, y) or is_function_of(y, x)):
        flags.append("deterministic")
    return tuple(flags)
