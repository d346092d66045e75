"""Rows of arrays, in memory or, where they are too large for it, in a temporary file."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from ibtrain.backend.mapped import spacious_tensor
from ibtrain.errors import DataError

__all__ = ["CHUNK_BYTES", "join_rows", "join_samples", "row_chunks", "row_slices", "take_rows"]

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


def join_rows(parts: Iterable[Tensor], where: str, count: int = 0) -> Tensor:
    """Joins parts of samples as they come, in the type that can hold all values.

    Args:
        parts: Samples ``(samples, ...)``, at least one part.
        where: The samples, for error messages.
        count: Number of all samples, if it is known: memory is taken for so many, and for twice as many whenever there are more.

    Returns:
        All samples, on the CPU.

    Raises:
        DataError: If a part has samples of another shape than the first one.
        OutOfMemoryError: If neither memory nor the disk has the space.

    Example:
        >>> join_rows([torch.tensor([[1], [2]]), torch.tensor([[0.5]])], "samples")
        tensor([[1.0000],
                [2.0000],
                [0.5000]])
    """
    rows, filled = torch.empty(0), 0
    for index, part in enumerate(parts):
        if index == 0:
            rows = spacious_tensor((max(count, len(part)), *part.shape[1:]), part.dtype, where)
        if part.shape[1:] != rows.shape[1:]:
            expected = f"samples of shape {tuple(rows.shape[1:])}, as the first ones"
            raise DataError(f"a sample of shape {tuple(part.shape[1:])}", expected, where)
        end = filled + len(part)
        dtype = torch.promote_types(rows.dtype, part.dtype)
        if end > len(rows) or dtype != rows.dtype:
            size = len(rows) if end <= len(rows) else max(end, 2 * len(rows))
            larger = spacious_tensor((size, *rows.shape[1:]), dtype, where)
            larger[:filled] = rows[:filled]
            rows = larger
        rows[filled:end] = part
        filled = end
    return rows[:filled]


def join_samples(
    parts: Iterable[tuple[Tensor, NDArray[Any]]], where: str, count: int = 0
) -> tuple[Tensor, NDArray[Any]]:
    """Joins samples by :func:`join_rows`, and their labels.

    Args:
        parts: Samples ``(samples, ...)`` and labels ``(samples,)``, which may be a view of the part.
        where: The samples, for error messages.
        count: Number of all samples, if it is known.

    Returns:
        All samples, and all labels; both empty if there is no part.
    """
    labels: list[NDArray[Any]] = []

    def samples() -> Iterator[Tensor]:
        for x, y in parts:
            # a copy, because a view would keep all of the part
            labels.append(np.array(y))
            yield x

    rows = join_rows(samples(), where, count)
    return rows, np.concatenate(labels) if labels else np.empty(0)
