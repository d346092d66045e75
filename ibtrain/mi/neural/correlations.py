"""Correlations between the coordinates of x and those of y, and which of them exceed the noise."""

import math

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CROSS_STRUCTURES",
    "coherence_of",
    "correlation_of",
    "regular",
    "shared_directions",
    "simplify_cross",
]

Array = NDArray[np.float64]

CROSS_STRUCTURES = ("full", "sparse", "low-rank")
"""Structures of the cross-correlation of x and y."""
NOISE_EDGE = 1.05
"""Largest canonical correlation that counts as noise, as a multiple of its limit for independent x and y."""
SHRINKAGE = 1e-6
"""Weight of the identity in a fitted correlation matrix, so that the matrix is invertible if columns are equal."""


def correlation_of(z: Array) -> Array:
    """The invertible correlation matrix of samples, ``(n, dim)``, whose coordinates have mean 0."""
    return regular(z.T @ z / len(z))


def regular(covariance: Array) -> Array:
    """The correlation matrix of a covariance matrix, made invertible by a small share of the identity."""
    scale = 1 / np.sqrt(np.diag(covariance).clip(min=SHRINKAGE))
    unit: Array = covariance * scale * scale[:, None]
    return (1 - SHRINKAGE) * unit + SHRINKAGE * np.eye(len(unit))


def simplify_cross(correlation: Array, dim_x: int, count: int, cross: str) -> Array:
    r"""A correlation matrix with fewer free parameters between x and y.

    Each of the dim_x * dim_y correlations that are fitted to n samples costs about 1 / 2n nats on other samples.
    The noise is therefore removed from the coherence :math:`K = R_x^{-1/2} R_{xy} R_y^{-1/2}`, whose entries
    have a standard error of :math:`1 / \sqrt n` if x and y are independent:

    - ``full``: removes nothing;
    - ``sparse``: removes entries below :math:`\sqrt{2 \log(d_x d_y) / n}`, for few dependent coordinates;
    - ``low-rank``: removes singular values below :math:`1.05 (\sqrt{d_x / n} + \sqrt{d_y / n})`, for few
      dependent directions.

    Args:
        correlation: Correlation matrix of x and y side by side, ``(dim_x + dim_y, dim_x + dim_y)``.
        dim_x: Number of coordinates of x.
        count: Number n of samples that it was fitted to.
        cross: One of :data:`CROSS_STRUCTURES`.

    References:
        Donoho & Johnstone, Ideal spatial adaptation by wavelet shrinkage (1994), for the threshold; Marchenko &
        Pastur (1967), for the largest singular value of noise.
    """
    if cross == "full":
        return correlation
    coherence, (root_x, _), (root_y, _) = coherence_of(correlation, dim_x)
    if cross == "sparse":
        threshold = math.sqrt(2 * math.log(coherence.size) / count)
        coherence = np.where(np.abs(coherence) > threshold, coherence, 0)
    left, values, right = np.linalg.svd(coherence, full_matrices=False)
    if cross == "low-rank":
        values = np.where(values > _noise_edge(coherence, count), values, 0)
    # without the removed entries, singular values can exceed 1, the largest possible correlation
    simpler = root_x @ (left * np.minimum(values, 1 - SHRINKAGE)) @ right @ root_y
    simplified = correlation.copy()
    simplified[:dim_x, dim_x:], simplified[dim_x:, :dim_x] = simpler, simpler.T
    return simplified


def shared_directions(correlation: Array, dim_x: int, count: int) -> tuple[Array, Array]:
    """The directions of x, and those of y, whose canonical correlations exceed the noise.

    Args:
        correlation: Correlation matrix of x and y side by side, ``(dim_x + dim_y, dim_x + dim_y)``.
        dim_x: Number of coordinates of x.
        count: Number of samples that it was fitted to.

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
    """Cross-correlation of whitened x and y, and the roots of both correlation matrices with their inverses.

    Args:
        correlation: Correlation matrix of x and y side by side, ``(dim_x + dim_y, dim_x + dim_y)``.
        dim_x: Number of coordinates of x.
    """
    roots_x = _roots(correlation[:dim_x, :dim_x])
    roots_y = _roots(correlation[dim_x:, dim_x:])
    return roots_x[1] @ correlation[:dim_x, dim_x:] @ roots_y[1], roots_x, roots_y


def _noise_edge(coherence: Array, count: int) -> float:
    """A limit that the largest singular value rarely exceeds if x and y are uncorrelated."""
    return NOISE_EDGE * sum(math.sqrt(dim / count) for dim in coherence.shape)


def _roots(matrix: Array) -> tuple[Array, Array]:
    """The symmetric square root of a positive definite matrix, and its inverse."""
    values, vectors = np.linalg.eigh(matrix)
    root = np.sqrt(np.maximum(values, SHRINKAGE**2))
    return (vectors * root) @ vectors.T, (vectors / root) @ vectors.T
