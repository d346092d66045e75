"""Splits samples so that all copies of a sample are in the same split."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ibtrain.errors import DataError, warn
from ibtrain.io.hashing import hash_rows

__all__ = ["draw_distinct", "draw_split"]


def draw_split(
    x: NDArray[Any], order: NDArray[np.int64], count: int, split: str, where: str
) -> NDArray[np.int64]:
    """Draws the samples of a split as :func:`draw_distinct` does; warns if there are copies.

    Args:
        x: Samples, ``(samples, ...)``.
        order: Indices of all samples, in random order.
        count: Maximum number of samples to draw; without copies, exactly this number is drawn.
        split: Name of the split for which samples are drawn, for messages.
        where: The data set, for messages.

    Returns:
        Indices of the drawn samples, in the same order.

    Raises:
        DataError: If every group of equal samples is larger than ``count``.
    """
    groups = _groups(x)
    drawn = _draw(groups, order, count)
    num_distinct = groups.max(initial=-1) + 1
    if count and not len(drawn):
        given = f"{num_distinct} distinct samples among {len(x)}"
        raise DataError(
            given,
            f"enough distinct samples for a {split} split that shares none with training",
            where,
        )
    if num_distinct < len(x):
        share = 1 - num_distinct / len(x)
        message = f"{where}: {share:.2%} of the samples are copies of others; none is in both the training and the {split} split"
        warn(message)
    return drawn


def draw_distinct(x: NDArray[Any], order: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Draws the first samples of a random order with all their copies.

    Args:
        x: Samples, ``(samples, ...)``.
        order: Indices of all samples, in random order.
        count: Maximum number of samples to draw; without copies, exactly this number is drawn.

    Returns:
        Indices of the drawn samples, in the same order.
    """
    return _draw(_groups(x), order, count)


def _groups(x: NDArray[Any]) -> NDArray[np.int64]:
    """Returns for each sample the number of its group: copies of a sample are in one group."""
    groups: NDArray[np.int64] = np.unique(hash_rows(x), return_inverse=True)[1]
    return groups


def _draw(groups: NDArray[np.int64], order: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    sizes = np.bincount(groups)
    ordered = groups[order]
    first = np.sort(np.unique(ordered, return_index=True)[1])
    is_drawn = np.zeros(len(sizes), dtype=bool)
    remaining = count
    for group in ordered[first]:
        if sizes[group] <= remaining:
            is_drawn[group] = True
            remaining -= sizes[group]
        if remaining == 0:
            break
    return order[is_drawn[ordered]]
