"""Checks arrays that may be larger than memory, one chunk of rows at a time."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ibtrain.errors import DataError

__all__ = ["Columns", "distinct", "examine_columns", "to_float"]

Array = NDArray[np.float64]

CHUNK = 1 << 20
"""Number of matrix entries in a chunk."""
LOSSY_INTEGER_BYTES = 8
"""Size of integers that may be too large for float64 to represent exactly."""


class Columns(NamedTuple):
    """Properties of a matrix's columns.

    Args:
        varies: True for each column that is not constant, ``(dim,)``.
        smallest: Smallest value of each column, ``(dim,)``, in the matrix's dtype.
    """

    varies: NDArray[np.bool_]
    smallest: NDArray[Any]


def _chunks(matrix: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    rows = max(1, CHUNK // matrix.shape[1])
    for start in range(0, len(matrix), rows):
        yield start, matrix[start : start + rows]


def examine_columns(where: str, matrix: NDArray[Any]) -> Columns:
    """Finds the constant columns and the smallest values in one pass over a matrix.

    Args:
        where: Name of the matrix in error messages.
        matrix: Numbers of any dtype, ``(n, dim)``.

    Raises:
        DataError: If the matrix contains NaN, infinity or a number outside the range of float64.
    """
    first = matrix[0]
    varies = np.zeros(len(first), dtype=bool)
    smallest = first.copy()
    for start, chunk in _chunks(matrix):
        if chunk.dtype.kind == "f":
            # a longdouble may be outside the range of float64
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
    """Converts a matrix to float64; subtracts the column's smallest value from 64-bit integers first.

    float64 has a 53-bit significand: 2**60 and 2**60 + 1 are the same float64 number, while their differences
    from the smallest value are exact as long as they are below 2**53.

    Args:
        matrix: Numbers of any dtype, ``(n, dim)``.
        smallest: Smallest value of each column of the whole data, ``(dim,)``.
    """
    if matrix.dtype.kind in "iu" and matrix.dtype.itemsize == LOSSY_INTEGER_BYTES:
        # unsigned differences are correct even where signed differences overflow
        with np.errstate(over="ignore"):
            differences = matrix.astype(np.uint64) - smallest.astype(np.uint64)
        return differences.astype(np.float64)
    return matrix.astype(np.float64)


def distinct(
    column: NDArray[Any], most: int | float = np.inf
) -> tuple[NDArray[Any], NDArray[np.int64]] | None:
    """Returns the distinct values of a column in ascending order, and how often each occurs.

    Args:
        column: Numbers or strings, ``(n, 1)``.
        most: Maximum number of distinct values; the search stops when there are more.

    Returns:
        Values and counts; None if there are more than ``most`` distinct values.
    """
    values, counts = np.empty(0, column.dtype), np.empty(0, dtype=np.int64)
    for _, chunk in _chunks(column):
        new, repeats = np.unique(chunk, return_counts=True)
        values, positions = np.unique(np.concatenate([values, new]), return_inverse=True)
        totals = np.zeros(len(values), dtype=np.int64)
        np.add.at(totals, positions, np.concatenate([counts, repeats]))
        counts = totals
        if len(values) > most:
            return None
    return values, counts
