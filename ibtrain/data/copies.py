"""Samples that occur several times, so that no copy of a test sample is trained on."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ibtrain.errors import DataError, IBTrainWarning

__all__ = ["draw_distinct", "sample_groups"]

CHUNK_BYTES = 1 << 18
"""Of the samples that are hashed at once; their bytes become numbers of 64 bits."""
HASH_SEED = 0


def sample_groups(x: NDArray[Any]) -> NDArray[np.int64]:
    """A number for each sample, the same for all its copies and for no other.

    Samples are told apart by a random multilinear hash of their bytes, 64 bits long: two of a
    million that differ share one with a probability below 1e-5.

    Args:
        x: Samples, ``(samples, ...)``.
    """
    flat = x.reshape(len(x), -1)
    # 0.0 and -0.0 are equal, and other precisions than these may have bytes that mean nothing
    as_float = flat.dtype.kind == "f"
    width = 8 if as_float else flat.dtype.itemsize
    factors = np.random.default_rng(HASH_SEED).integers(
        1 << 63, size=width * flat.shape[1], dtype=np.uint64
    )
    rows = max(1, CHUNK_BYTES // len(factors))
    hashes = np.empty(len(x), dtype=np.uint64)
    for start in range(0, len(x), rows):
        part = flat[start : start + rows]
        part = part.astype(np.float64) + 0.0 if as_float else np.ascontiguousarray(part)
        hashes[start : start + rows] = part.view(np.uint8).astype(np.uint64) @ factors
    groups: NDArray[np.int64] = np.unique(hashes, return_inverse=True)[1]
    return groups


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
    groups = sample_groups(x)
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
