r"""The 12-bit problem after Shwartz-Ziv and Tishby: all inputs, with the exact probabilities of their labels.

An input says which of twelve points, uniformly placed on a sphere (the vertices of an icosahedron), are there. The
label depends on the pattern's shape only, not on its orientation: on a function f that no rotation or reflection of the
sphere changes. Inputs are equally probable.

.. math:: p(y = 1 \mid x) = \frac{1}{1 + \exp(-\gamma (f(x) - \theta))}

In f, the 4,096 inputs have 64 different values, as many as the paper has classes of inputs. The paper does not tell
its f, threshold and gain; those here are our own.

References:
    Shwartz-Ziv & Tishby (arXiv 1703.00810), section 3.1, with f from the power spectrum in spherical harmonics;
    Kazhdan, Funkhouser & Rusinkiewicz (2003), rotation-invariant descriptors.
"""

import math

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from ibtrain.data.raw import RawData, split_off_test

__all__ = [
    "LABEL_ENTROPY_BITS",
    "MI_XY_BITS",
    "icosahedron",
    "label_probabilities",
    "patterns",
    "read_szt",
    "symmetric_energy",
]

NUM_POINTS = 12
MAX_DEGREE = 4
"""Largest degree of the spherical harmonics in f."""
THRESHOLD = 9.2336
"""Theta, between two values of f, such that p(y = 1) is 0.4985."""
GAIN = 246.4
"""Gamma, such that I(X;Y) is 0.99 bits."""
MI_XY_BITS = 0.990
"""I(X;Y) in bits."""
LABEL_ENTROPY_BITS = 1.000
"""H(Y) in bits."""
LABEL_SEED = 0


def patterns() -> Int[NDArray[np.int64], "4096 12"]:
    """Returns all inputs: row n holds the binary digits of n, the lowest first."""
    return np.arange(1 << NUM_POINTS)[:, None] >> np.arange(NUM_POINTS) & 1


def icosahedron() -> Float[NDArray[np.float64], "12 3"]:
    """Returns the vertices of an icosahedron on the unit sphere."""
    golden = (1 + math.sqrt(5)) / 2
    signs = [(i, j) for i in (-1, 1) for j in (-1, 1)]
    corners = [np.roll([0, i, j * golden], axis) for axis in range(3) for i, j in signs]
    return np.array(corners) / math.hypot(1, golden)


def symmetric_energy(
    x: Int[NDArray[np.int64], "n points"], points: Float[NDArray[np.float64], "points 3"]
) -> Float[NDArray[np.float64], " n"]:
    r"""Returns f(x), the energy of a pattern in the spherical harmonics of degrees 0 to 4.

    .. math:: f(x) = \sum_{l=0}^{4} \sum_{m=-l}^{l} \Big(\sum_i x_i Y_{lm}(u_i)\Big)^2
        = \sum_{i,j} x_i x_j \sum_{l=0}^{4} \frac{2l + 1}{4\pi} P_l(u_i \cdot u_j)

    The addition theorem gives the second form, with Legendre polynomials, in which f depends on angles alone.

    Args:
        x: Patterns, ``(n, points)``: 1 for a point that is there, 0 for others.
        points: Points u on the unit sphere, ``(points, 3)``.
    """
    weights = (2 * np.arange(MAX_DEGREE + 1) + 1) / (4 * math.pi)
    kernel = np.polynomial.legendre.legval(points @ points.T, weights)
    energy: NDArray[np.float64] = np.einsum("ni,ij,nj->n", x, kernel, x)
    return energy


def label_probabilities() -> Float[NDArray[np.float64], " 4096"]:
    """Returns p(y = 1 | x) of every input, in the order of :func:`patterns`.

    Example:
        >>> f"{label_probabilities().mean():.4f}"
        '0.4985'
    """
    from scipy.special import expit

    probabilities: NDArray[np.float64] = expit(
        GAIN * (symmetric_energy(patterns(), icosahedron()) - THRESHOLD)
    )
    return probabilities


def read_szt() -> RawData:
    """Returns every input with one label that was drawn from p(y | x), the same in all runs.

    A fixed random fifth of the inputs, 819, is the test split; 3,277 train.
    """
    draws = np.random.default_rng(LABEL_SEED).random(1 << NUM_POINTS)
    labels = (draws < label_probabilities()).astype(np.int64)
    return split_off_test(patterns().astype(np.float32), labels, "szt")
