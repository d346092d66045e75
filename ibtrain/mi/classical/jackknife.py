"""The block jackknife, for estimates from dependent samples."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["block_jackknife"]

Array = NDArray[np.float64]

MAX_PARTS = 50
"""Maximum number of parts of consecutive blocks that are left out one by one."""


def block_jackknife(
    value_of: Callable[[NDArray[np.bool_]], float], count: int, block: int
) -> tuple[float, float]:
    r"""Computes a value without its bias of order 1/n, and its standard error, by leaving out one part at a time.

    .. math:: g \hat I - (g - 1) \bar I, \qquad
        \sqrt{\frac{g - 1}{g} \sum_j (\hat I_{-j} - \bar I)^2}

    for g parts of whole blocks and the mean :math:`\bar I` of the values :math:`\hat I_{-j}` without part j.
    Dependence increases the bias of a plug-in estimate by the same factor as its variance, so that the
    formulas for independent samples correct too little.

    Args:
        value_of: Computes the plug-in estimate of the samples selected by a mask.
        count: Number of samples n.
        block: Number of consecutive samples that may depend on each other.

    Returns:
        The value and its standard error.

    References:
        Quenouille, Notes on bias in estimation (1956); Künsch, The jackknife and the bootstrap for general
        stationary observations (1989).
    """
    blocks = math.ceil(count / block)
    parts = min(MAX_PARTS, blocks)
    part_of = np.arange(count) // block * parts // blocks
    left_out = np.array([value_of(part_of != part) for part in range(parts)])
    mean = left_out.mean()
    value = parts * value_of(np.ones(count, dtype=bool)) - (parts - 1) * mean
    return float(value), math.sqrt((parts - 1) / parts * ((left_out - mean) ** 2).sum())
