"""Samples that occur several times, so that no copy of a test sample is trained on."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ibtrain.errors import DataError, IBTrainWarning
from ibtrain.io.hashing import hash_rows

__all__ = ["draw_distinct"]


def draw_distinct(
    x: NDArray[Any], order: NDArray[np.int64], count: int, split: str, where: str
) -> NDArray[np.int64]:
    """The first samples of a random order, and all copies of each; warns where there are copies.

    Args:
        x: Samples, ``(samples, ...)``.
        order: All their indices.
        count: How many to draw at most; where there are no copies, as many are drawn.
        split: What they are drawn for, for a message to name.
        where: The data set, for a message to name.

    Returns:
        Their indices, in that order.

    Raises:
        DataError: If every sample has more copies than are to be drawn.
    """
    groups = np.unique(hash_rows(x), return_inverse=True)[1]
    sizes = np.bincount(groups)
    ordered = groups[order]
    first = np.sort(np.unique(ordered, return_index=True)[1])
    is_drawn = np.zeros(len(sizes), dtype=bool)
    room = count
    for group in ordered[first]:
        if sizes[group] <= room:
            is_drawn[group] = True
            room -= sizes[group]
        if room == 0:
            break
    if count and not is_drawn.any():
        given = f"{len(sizes)} distinct samples among {len(x)}"
        raise DataError(given, f"enough for a {split} split that shares none", where)
    if len(sizes) < len(x):
        share = 1 - len(sizes) / len(x)
        message = f"{where}: {share:.2%} of the samples are copies of others; none is in both the training and the {split} split"
        warnings.warn(message, IBTrainWarning, stacklevel=3)
    return order[is_drawn[ordered]]
