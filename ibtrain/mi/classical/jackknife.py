"""The jackknife by blocks, for estimates from samples that depend on their neighbours."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["block_jackknife"]

Array = NDArray[np.float64]

MOST_PARTS = 50
"""Parts of consecutive blocks that are left out one by one."""


def block_jackknife(
    value_of: Callable[[NDArray[np.bool_]], float], count: int, block: int
) -> tuple[float, float]:
    r"""A value with its bias of order 1/n taken off, and its standard error, by leaving out a part at a time.

    .. math:: g \hat I - (g - 1) \bar I, \qquad
        \sqrt{\frac{g - 1}{g} \sum_j (\hat I_{-j} - \bar I)^2}

    for g parts of whole blocks and the mean :math:`\bar I` of the values :math:`\hat I_{-j}` without one of
    them. Dependent samples make a plug-in estimate's bias larger by as much as they make its variance, and the
    formulas for independent samples take too little off.

    Args:
        value_of: The plug-in estimate of the samples that a mask keeps.
        count: Samples n.
        block: Consecutive samples that may depend on each other.

    Returns:
        The value and its standard error.

    References:
        Quenouille, Notes on bias in estimation (1956); Künsch, The jackknife and the bootstrap for general
        stationary observations (1989).
    """
    blocks = math.ceil(count / block)
    parts = min(MOST_PARTS, blocks)
    part_of = np.arange(count) // block * parts // blocks
    left_out = np.array([value_of(part_of != part) for part in range(parts)])
    mean = left_out.mean()
    value = parts * value_of(np.ones(count, dtype=bool)) - (parts - 1) * mean
    return float(value), math.sqrt((parts - 1) / parts * ((left_out - mean) ** 2).sum())
