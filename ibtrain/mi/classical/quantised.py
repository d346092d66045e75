"""Activations of a network that stores them in a few bits."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["quantise"]


def quantise(h: NDArray[np.floating], bits: int) -> NDArray[np.int32]:
    r"""The level to which each activation of a layer is rounded.

    .. math:: \mathrm{round}\left((2^b - 1) \frac{h - \min h}{\max h - \min h}\right)

    The :math:`2^b` levels are evenly spaced, and the smallest and the largest activation of the layer are two of them.

    Args:
        h: Activations, ``(n, dim)``.
        bits: Number of bits b of an activation.

    Returns:
        Levels from 0, ``(n, dim)``; all 0 if the layer is constant.

    References:
        Lorenzen et al. (arXiv 2106.12912), section 4, whose ranges of whole layers these are.

    Example:
        >>> quantise(np.array([[0.0, 0.4], [1.0, 3.0]]), 2)
        array([[0, 0],
               [1, 3]], dtype=int32)
    """
    low, high = (np.float64(end) for end in (h.min(), h.max()))
    if low == high:
        return np.zeros(h.shape, np.int32)
    # shares first: the range of float32's largest numbers is within float64
    shares = (h - low) / (high - low)
    levels: NDArray[np.int32] = np.rint(shares * (2**bits - 1)).astype(np.int32)
    return levels
