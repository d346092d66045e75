"""What is wrong with samples before any estimator looks at them."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ibtrain.mi.marginals import Standardised

__all__ = ["is_function_of", "sample_flags"]

Array = NDArray[np.float64]

EXACT = 0.02
"""Local linear residual, as a share of a coordinate's local range, that counts as none at all."""
PROBES = 200
SEEN = 0.2
"""Share of probes that must be exact: near a kink, or where y is flat, a function doesn't show."""


def is_function_of(x: Array, y: Array) -> bool:
    """Whether y looks like a deterministic, piecewise smooth function of x.

    Around each of a few samples y is fitted linearly in x to the nearest neighbours, which leaves
    out that sample; a deterministic y is then predicted to a tiny share of what it varies by among
    them. In many dimensions neighbours are far, and a curved function can escape.

    Args:
        x: ``(n, dim_x)``.
        y: ``(n, dim_y)``.
    """
    count, dim = x.shape
    neighbours = 2 * (dim + 1) + 1
    if count < 2 * neighbours:
        return False
    x = Standardised(x)(x)
    # where y is flat it is exactly so, which a shift would blur
    y = y / np.maximum(np.abs(y).max(axis=0), np.finfo(np.float64).tiny)
    probes = np.linspace(0, count - 1, min(PROBES, count)).astype(int)
    _, nearest = cKDTree(x).query(x[probes], neighbours)
    exact = 0
    for own, found in zip(probes, nearest, strict=True):
        others = found[found != own]
        tied = (x[others] == x[own]).all(axis=1)
        if (y[others[tied]] != y[own]).any():
            continue
        design = np.column_stack([np.ones(len(others)), x[others] - x[own]])
        coefficients, *_ = np.linalg.lstsq(design, y[others], rcond=None)
        span = np.ptp(y[others], axis=0)
        residual = np.abs(coefficients[0] - y[own])
        exact += bool(span.any() and (residual <= EXACT * span).all())
    return exact >= SEEN * len(probes)


def sample_flags(x: Array, y: Array, labels: NDArray[np.int64] | None = None) -> tuple[str, ...]:
    """Reasons to distrust any estimate from these samples.

    ``undersampled``: there are not more samples than dimensions. ``deterministic``: one side is a
    function of the other, so that the information of continuous variables is infinite.

    Args:
        x: ``(n, dim_x)``.
        y: ``(n, dim_y)``.
        labels: Each sample's class where y is one: a function of x is then nothing wrong.
    """
    flags = []
    if len(x) <= x.shape[1] + (y.shape[1] if labels is None else 0):
        flags.append("undersampled")
    if labels is None and (is_function_of(x, y) or is_function_of(y, x)):
        flags.append("deterministic")
    return tuple(flags)
