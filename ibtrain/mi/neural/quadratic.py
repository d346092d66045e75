"""Directions of x and of y whose squares and products are correlated, as with correlations of random sign."""

import math

import numpy as np
from numpy.typing import NDArray

from ibtrain.mi.neural.correlations import coherence_of, correlation_of

__all__ = ["quadratic_directions"]

Array = NDArray[np.float64]

SAMPLES_PER_PRODUCT = 8
"""Required samples per product of coordinates; with fewer, noise gives the products correlations of about 0.5."""
MAX_SAMPLES = 1 << 13
"""Largest number of samples that are used."""
NOISE_FACTOR = 1.2
"""Largest correlation that counts as noise, as a multiple of the largest one of shifted samples. False directions are
found in 8 % of independent normal samples in 2 + 2 dimensions, and in at most 3 % from 3 + 3 on."""
SHIFT_STEPS = 5
"""Shifts are multiples of the number of samples divided by this; they measure the correlations of noise."""


def quadratic_directions(z: Array, dim_x: int) -> tuple[Array, Array]:
    r"""The directions of x, and those of y, on which correlated quadratic forms depend.

    The canonical correlations of the products :math:`u_i u_j` and :math:`v_i v_j` of the whitened coordinates give
    pairs of quadratic forms :math:`u^\top A_k u` and :math:`v^\top B_k v` with correlations :math:`s_k`. A pair is
    kept if its correlation exceeds :math:`s_0`, which is :data:`NOISE_FACTOR` times the largest correlation of
    shifted samples, whose x and y do not belong together. A direction e is returned if it has a greater weight in
    the kept :math:`A_k`, normalised to unit norm, than noise would give it,

    .. math:: e^\top \sum_k A_k^2 \, e > \sum_k \frac{s_0^2}{s_k^2 d}.

    Args:
        z: Coordinates of x and y side by side, ``(n, dim_x + dim_y)``, each of mean 0 and variance 1.
        dim_x: Number of coordinates of x.

    Returns:
        Orthonormal columns, ``(dim_x, k)`` and ``(dim_y, l)``; no columns if there are too few samples.
    """
    dims = dim_x, z.shape[1] - dim_x
    products = sum(dim * (dim + 1) // 2 for dim in dims)
    if min(len(z), MAX_SAMPLES) < SAMPLES_PER_PRODUCT * products:
        return np.zeros((dims[0], 0)), np.zeros((dims[1], 0))
    if len(z) > MAX_SAMPLES:
        z = z[np.linspace(0, len(z) - 1, MAX_SAMPLES).astype(np.int64)]
    _, (_, whiten_x), (_, whiten_y) = coherence_of(correlation_of(z), dim_x)
    f, g = _products(z[:, :dim_x] @ whiten_x), _products(z[:, dim_x:] @ whiten_y)
    _, (_, whiten_f), (_, whiten_g) = coherence_of(correlation_of(np.hstack([f, g])), f.shape[1])
    f, g = f @ whiten_f, g @ whiten_g
    left, values, right = np.linalg.svd(f.T @ g / len(z), full_matrices=False)
    # measured and not computed: heavy tails make it larger than the limit for independent products
    edge = NOISE_FACTOR * max(
        _shifted_correlation(f, g, step / SHIFT_STEPS) for step in range(1, SHIFT_STEPS)
    )
    kept = values > edge
    noise = (edge / values[kept]) ** 2
    return (
        _directions(whiten_f @ left[:, kept], noise, whiten_x),
        _directions(whiten_g @ right[kept].T, noise, whiten_y),
    )


def _shifted_correlation(f: Array, g: Array, share: float) -> float:
    """The largest correlation of f with g after a cyclic shift of the samples of g, which keeps their order."""
    shifted = np.roll(g, round(share * len(g)), axis=0)
    return float(np.linalg.norm(f.T @ shifted / len(f), 2))


def _products(u: Array) -> Array:
    """All products of two coordinates, squares included, standardised."""
    first, second = np.triu_indices(u.shape[1])
    products = u[:, first] * u[:, second]
    products -= products.mean(axis=0)
    products /= products.std(axis=0).clip(min=1e-6)
    return products


def _directions(weights: Array, noise: Array, whiten: Array) -> Array:
    """The directions that have more weight in the quadratic forms than noise has."""
    dim = len(whiten)
    first, second = np.triu_indices(dim)
    # a square has twice the variance of a product; a product belongs to two entries of the matrix
    halves = np.where(first == second, 1, math.sqrt(0.5))
    total = np.zeros((dim, dim))
    for column in weights.T:
        form = np.zeros((dim, dim))
        form[first, second] = form[second, first] = halves * column
        total += form @ form / np.square(form).sum()
    values, vectors = np.linalg.eigh(total)
    basis: Array = np.linalg.qr(whiten @ vectors[:, values > noise.sum() / dim])[0]
    return basis
