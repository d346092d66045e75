"""Checks of arrays that may be larger than memory, a chunk of rows at a time."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ibtrain.errors import DataError

__all__ = ["Columns", "distinct", "examine_columns", "to_float"]

Array = NDArray[np.float64]

CHUNK = 1 << 20
"""Numbers that are looked at together."""
EXACT_BYTES = 8
"""Integers of this size may be too large for float64 to tell neighbours apart."""


class Columns(NamedTuple):
    """What is known of a matrix's columns.

    Args:
        varies: Which of them are not constant, ``(dim,)``.
        smallest: The smallest value of each, ``(dim,)``, in the matrix's own type.
    """

    varies: NDArray[np.bool_]
    smallest: NDArray[Any]


def _chunks(matrix: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    rows = max(1, CHUNK // matrix.shape[1])
    for start in range(0, len(matrix), rows):
        yield start, matrix[start : start + rows]


def examine_columns(where: str, matrix: NDArray[Any]) -> Columns:
    """Reads a matrix once.

    Args:
        where: What the matrix is, for the error.
        matrix: ``(n, dim)``, of any numbers.

    Raises:
        DataError: If there is NaN, infinity or a number beyond float64's range.
    """
    first = matrix[0]
    varies = np.zeros(len(first), dtype=bool)
    smallest = first.copy()
    for start, chunk in _chunks(matrix):
        if chunk.dtype.kind == "f":
            # longdouble reaches further than float64
            with np.errstate(over="ignore"):
                finite = np.isfinite(chunk.astype(np.float64))
            if not finite.all():
                row, column = np.argwhere(~finite)[0]
                given = f"{chunk[row, column]} in row {start + row}, column {column}"
                raise DataError(given, "finite numbers", where)
        varies |= (chunk != first).any(axis=0)
        smallest = np.minimum(smallest, chunk.min(axis=0))
    return Columns(varies, smallest)


def to_float(matrix: NDArray[Any], smallest: NDArray[Any]) -> Array:
    """A matrix as float64; from 64-bit integers their column's smallest value is subtracted first.

    float64 has 53 bits: 2**60 and 2**60 + 1 are the same number in it, while their difference from the
    smallest value is exact, as long as it is below 2**53.

    Args:
        matrix: ``(n, dim)``, of any numbers.
        smallest: The smallest value of each column of the whole, ``(dim,)``.
    """
    if matrix.dtype.kind in "iu" and matrix.dtype.itemsize == EXACT_BYTES:
        # unsigned differences are right even where signed ones overflow
        with np.errstate(over="ignore"):
            differences = matrix.astype(np.uint64) - smallest.astype(np.uint64)
        return differences.astype(np.float64)
    return matrix.astype(np.float64)


def distinct(
    column: NDArray[Any], most: int | float = np.inf
) -> tuple[NDArray[Any], NDArray[np.int64]] | None:
    """The values of a column in ascending order, and how often each occurs.

    Args:
        column: ``(n, 1)``, of numbers or strings.
        most: With more values than so many it is not worth going on.

    Returns:
        None where there are more.
    """
    values, counts = np.empty(0, column.dtype), np.empty(0, dtype=np.int64)
    for _, chunk in _chunks(column):
        new, repeats = np.unique(chunk, return_counts=True)
        values, places = np.unique(np.concatenate([values, new]), return_inverse=True)
        totals = np.zeros(len(values), dtype=np.int64)
        np.add.at(totals, places, np.concatenate([counts, repeats]))
        counts = totals
        if len(values) > most:
            return None
    return values, counts
