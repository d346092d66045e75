"""Correlations between the coordinates of x and those of y, and which of them are more than chance."""

import math

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CROSS",
    "coherence_of",
    "correlation_of",
    "regular",
    "shared_directions",
    "simplify_cross",
]

Array = NDArray[np.float64]

CROSS = ("full", "sparse", "low-rank")
"""What may be kept of the correlations between x and y."""
NOISE_EDGE = 1.05
"""Largest canonical correlation, in units of its limit, that is taken for chance."""
SHRINKAGE = 1e-6
"""Share of the identity in a fitted correlation, so that equal columns can be inverted."""


def correlation_of(z: Array) -> Array:
    """The regular correlation matrix of samples, ``(n, dim)``, each coordinate of mean 0."""
    return regular(z.T @ z / len(z))


def regular(covariance: Array) -> Array:
    """The correlation matrix of a covariance matrix, with a small share of the identity."""
    scale = 1 / np.sqrt(np.diag(covariance).clip(min=SHRINKAGE))
    unit: Array = covariance * scale * scale[:, None]
    return (1 - SHRINKAGE) * unit + SHRINKAGE * np.eye(len(unit))


def simplify_cross(correlation: Array, dim_x: int, count: int, cross: str) -> Array:
    r"""A correlation matrix with fewer free parameters between x and y.

    Each of the dim_x * dim_y correlations that are fitted to n samples costs about 1 / 2n nats on others. What
    chance makes of them is left out of the coherence :math:`K = R_x^{-1/2} R_{xy} R_y^{-1/2}`, whose
    entries have a standard error of :math:`1 / \sqrt n` where there is nothing:

    - ``full``: nothing is left out;
    - ``sparse``: entries below :math:`\sqrt{2 \log(d_x d_y) / n}`, as few coordinates belong together;
    - ``low-rank``: singular values below :math:`1.05 (\sqrt{d_x / n} + \sqrt{d_y / n})`, as what both sides
      share lies in few directions.

    Args:
        correlation: Of x and y side by side, ``(dim_x + dim_y, dim_x + dim_y)``.
        dim_x: How many coordinates are x.
        count: Samples n that it was fitted to.
        cross: One of :data:`CROSS`.

    References:
        Donoho & Johnstone, Ideal spatial adaptation by wavelet shrinkage (1994), the threshold; Marchenko &
        Pastur (1967), the largest singular value of noise.
    """
    if cross == "full":
        return correlation
    coherence, (root_x, _), (root_y, _) = coherence_of(correlation, dim_x)
    if cross == "sparse":
        smallest = math.sqrt(2 * math.log(coherence.size) / count)
        coherence = np.where(np.abs(coherence) > smallest, coherence, 0)
    left, values, right = np.linalg.svd(coherence, full_matrices=False)
    if cross == "low-rank":
        values = np.where(values > _noise_edge(coherence, count), values, 0)
    # entries that are left out can make others more than a correlation can be
    simpler = root_x @ (left * np.minimum(values, 1 - SHRINKAGE)) @ right @ root_y
    simplified = correlation.copy()
    simplified[:dim_x, dim_x:], simplified[dim_x:, :dim_x] = simpler, simpler.T
    return simplified


def shared_directions(correlation: Array, dim_x: int, count: int) -> tuple[Array, Array]:
    """The directions of x, and those of y, whose canonical correlations are more than chance.

    Args:
        correlation: Of x and y side by side, ``(dim_x + dim_y, dim_x + dim_y)``.
        dim_x: How many coordinates are x.
        count: Samples that it was fitted to.

    Returns:
        Columns whose products with x, and with y, are the canonical variates: ``(dim_x, k)`` and ``(dim_y, k)``.
    """
    coherence, (_, inverse_x), (_, inverse_y) = coherence_of(correlation, dim_x)
    left, values, right = np.linalg.svd(coherence, full_matrices=False)
    kept = values > _noise_edge(coherence, count)
    return inverse_x @ left[:, kept], inverse_y @ right[kept].T


def coherence_of(
    correlation: Array, dim_x: int
) -> tuple[Array, tuple[Array, Array], tuple[Array, Array]]:
    """The cross-correlation of the whitened sides, and each side's root and its inverse.

    Args:
        correlation: Of x and y side by side, ``(dim_x + dim_y, dim_x + dim_y)``.
        dim_x: How many coordinates are x.
    """
    roots_x = _roots(correlation[:dim_x, :dim_x])
    roots_y = _roots(correlation[dim_x:, dim_x:])
    return roots_x[1] @ correlation[:dim_x, dim_x:] @ roots_y[1], roots_x, roots_y


def _noise_edge(coherence: Array, count: int) -> float:
    """What the largest singular value rarely exceeds where x and y are uncorrelated."""
    return NOISE_EDGE * sum(math.sqrt(dim / count) for dim in coherence.shape)


def _roots(matrix: Array) -> tuple[Array, Array]:
    """The symmetric square root of a positive matrix, and its inverse."""
    values, vectors = np.linalg.eigh(matrix)
    root = np.sqrt(np.maximum(values, SHRINKAGE**2))
    return (vectors * root) @ vectors.T, (vectors / root) @ vectors.T
