"""Checks of arrays that may be larger than memory, a chunk of rows at a time."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ibtrain.errors import DataError

__all__ = ["check_columns", "distinct"]

Array = NDArray[np.float64]

CHUNK = 1 << 20
"""Numbers that are looked at together."""


def _chunks(matrix: NDArray[Any]) -> Iterator[tuple[int, Array]]:
    rows = max(1, CHUNK // matrix.shape[1])
    for start in range(0, len(matrix), rows):
        yield start, matrix[start : start + rows].astype(np.float64)


def check_columns(where: str, matrix: NDArray[Any]) -> bool:
    """Whether the columns vary; all of them do, or none.

    Args:
        where: What the matrix is, for the error.
        matrix: ``(n, dim)``, of any numbers.

    Raises:
        DataError: There is NaN or infinity, or a constant column among others that vary.
    """
    first = matrix[0].astype(np.float64)
    varies = np.zeros(len(first), dtype=bool)
    for start, chunk in _chunks(matrix):
        finite = np.isfinite(chunk)
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            given = f"{chunk[row, column]} in row {start + row}, column {column}"
            raise DataError(given, "finite numbers", where)
        varies |= (chunk != first).any(axis=0)
    constant = np.flatnonzero(~varies)
    if 0 < len(constant) < len(varies):
        columns = ", ".join(map(str, constant[:5])) + (", ..." if len(constant) > 5 else "")
        given = f"nothing but {first[constant[0]]:g} in column {columns}"
        raise DataError(given, "columns that vary (leave it out: it tells nothing)", where)
    return bool(varies.any())


def distinct(
    column: NDArray[Any], most: int | float = np.inf
) -> tuple[Array, NDArray[np.int64]] | None:
    """The values of a column in ascending order, and how often each occurs.

    Args:
        column: ``(n, 1)``, of any numbers.
        most: With more values than so many it is not worth going on.

    Returns:
        None where there are more.
    """
    values, counts = np.empty(0), np.empty(0, dtype=np.int64)
    for _, chunk in _chunks(column):
        new, repeats = np.unique(chunk, return_counts=True)
        values, places = np.unique(np.concatenate([values, new]), return_inverse=True)
        totals = np.zeros(len(values), dtype=np.int64)
        np.add.at(totals, places, np.concatenate([counts, repeats]))
        counts = totals
        if len(values) > most:
            return None
    return values, counts
