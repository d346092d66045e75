"""Rows of arrays, in memory or, where they are too large for it, in a temporary file."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from ibtrain.backend.mapped import spacious_tensor

__all__ = ["CHUNK_BYTES", "row_chunks", "row_slices", "take_rows"]

CHUNK_BYTES = 1 << 20
"""Size in bytes of a chunk of samples in float64; samples are converted chunk by chunk."""


def row_slices(x: NDArray[Any] | Tensor) -> Iterator[slice]:
    """Yields slices of the rows of samples, each of at most :data:`CHUNK_BYTES` in float64.

    Args:
        x: Samples ``(samples, ...)``, at least one.
    """
    step = max(
        1, CHUNK_BYTES // (8 * max(1, x[0].size if isinstance(x, np.ndarray) else x[0].numel()))
    )
    for start in range(0, len(x), step):
        yield slice(start, start + step)


def row_chunks(x: Tensor) -> Iterator[Tensor]:
    """Yields the :func:`row_slices` of samples on the host."""
    for part in row_slices(x):
        yield x[part].cpu()


def take_rows(x: Tensor, index: Int[Tensor, " n"], where: str) -> Tensor:
    """The rows ``x[index]``.

    Args:
        x: Samples ``(samples, ...)`` on any device.
        index: Indices of rows, on the device of the samples.
        where: The samples, for error messages.

    Raises:
        OutOfMemoryError: If neither memory nor the disk has the space.
    """
    if not len(index):
        return x[index]
    rows = spacious_tensor((len(index), *x.shape[1:]), x.dtype, where, device=x.device)
    for part in row_slices(rows):
        rows[part] = x[index[part]]
    return rows
