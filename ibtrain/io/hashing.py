"""Hashes the rows of an array, so that equal rows are found in linear time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["hash_rows"]

CHUNK_BYTES = 1 << 18
"""Number of bytes that are hashed at once; each byte becomes a 64-bit integer."""
HASH_SEED = 0


def hash_rows(rows: NDArray[Any]) -> NDArray[np.uint64]:
    """Returns equal hashes for equal rows, and different ones for different rows.

    The hash is a random multilinear function of the bytes, 64 bits long: the probability that any two of a
    million different rows have the same hash is below 1e-5.

    Args:
        rows: Array ``(n, ...)`` of any numeric type.

    Returns:
        Hashes, ``(n,)``.
    """
    width = rows[:1].size
    # as float64, because 0.0 and -0.0 are equal, and longdouble has unused bytes
    as_float = rows.dtype.kind == "f"
    num_bytes = 8 if as_float else rows.dtype.itemsize
    factors = np.random.default_rng(HASH_SEED).integers(
        1 << 63, size=num_bytes * width, dtype=np.uint64
    )
    step = max(1, CHUNK_BYTES // len(factors))
    hashes = np.empty(len(rows), dtype=np.uint64)
    for start in range(0, len(rows), step):
        # in the loop, because images with their channels last are copied
        chunk = rows[start : start + step].reshape(-1, width)
        chunk = chunk.astype(np.float64) + 0.0 if as_float else chunk
        chunk = np.ascontiguousarray(chunk)
        hashes[start : start + step] = chunk.view(np.uint8).astype(np.uint64) @ factors
    return hashes
