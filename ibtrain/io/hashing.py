"""A number for each row of an array, by which equal rows are found in linear time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["hash_rows"]

CHUNK_BYTES = 1 << 18
"""Of the rows that are hashed at once; their bytes become numbers of 64 bits."""
HASH_SEED = 0


def hash_rows(rows: NDArray[Any]) -> NDArray[np.uint64]:
    """The same number for equal rows, and different ones for others.

    A random multilinear hash of the bytes, 64 bits long: two of a million different rows share a number
    with a probability below 1e-5.

    Args:
        rows: ``(n, ...)``, of any numbers.

    Returns:
        ``(n,)``.
    """
    flat = rows.reshape(len(rows), -1)
    # 0.0 and -0.0 are equal, and other precisions than these may have bytes that mean nothing
    as_float = flat.dtype.kind == "f"
    width = 8 if as_float else flat.dtype.itemsize
    factors = np.random.default_rng(HASH_SEED).integers(
        1 << 63, size=width * flat.shape[1], dtype=np.uint64
    )
    step = max(1, CHUNK_BYTES // len(factors))
    hashes = np.empty(len(rows), dtype=np.uint64)
    for start in range(0, len(rows), step):
        part = flat[start : start + step]
        part = part.astype(np.float64) + 0.0 if as_float else part
        part = np.ascontiguousarray(part)
        hashes[start : start + step] = part.view(np.uint8).astype(np.uint64) @ factors
    return hashes
