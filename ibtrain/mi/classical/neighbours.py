"""Nearest neighbours and counts of neighbours, in the maximum norm."""

import math
from collections.abc import Callable, Iterator
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

__all__ = ["close_rows", "count_within", "nearest"]

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
Result = TypeVar("Result")

TREE_COUNTS = {2: 60_000, 3: 100_000}
"""Samples above which a tree counts faster than strips do, by dimension; in more it never does."""
TREE_QUERIES = 10
"""Dimensions up to which a tree finds the k nearest faster."""
ROUNDING = 1e-13
"""Error of a difference of two normal scores, at most; distances between samples are far larger."""
BLOCK_PAIRS = 1 << 21
"""Pairs whose distances are held at once."""
STRIP, ROWS_OF_STRIP = 256, 32
"""Samples whose first coordinates follow each other, and how many of them, with similar radii, are counted at once."""


def nearest(
    values: Array, k: int, window: int = 1, rows: Counts | None = None
) -> tuple[Array, Counts]:
    """The k nearest other samples of every sample.

    Args:
        values: ``(n, dim)``, without ties.
        k: Neighbours, fewer than there are other samples.
        window: Samples fewer than this many rows apart are not neighbours; 1 excludes only the sample itself.
        rows: The samples' rows in ascending order, ``(n,)``; None counts them from 0.

    Returns:
        Distances in ascending order (infinite where there are too few) and indices, each ``(n, k)``.
    """
    if window == 1 and values.shape[1] <= TREE_QUERIES:
        distances, indices = cKDTree(values).query(values, k + 1, p=np.inf)
        return distances[:, 1:], indices[:, 1:]

    rows = np.arange(len(values)) if rows is None else rows

    def of_block(start: int, distances: Array) -> tuple[Array, Counts]:
        _exclude(distances, start, window, rows)
        indices = np.argpartition(distances, k - 1, axis=1)[:, :k]
        near = np.take_along_axis(distances, indices, axis=1)
        order = np.argsort(near, axis=1)
        return np.take_along_axis(near, order, 1), np.take_along_axis(indices, order, 1)

    near, indices = zip(*_blocks(values, of_block), strict=True)
    return np.concatenate(near), np.concatenate(indices)


def count_within(values: Array, radius: Array, window: int = 1, *, inclusive: bool) -> Counts:
    """How many other samples lie within each sample's radius.

    Args:
        values: ``(n, dim)``, of the size of normal scores.
        radius: ``(n,)``, above 0.
        window: Samples fewer than this many rows apart do not count; 1 excludes only the sample itself.
        inclusive: Whether a sample at the radius itself counts.
    """
    # the radius is a distance to one of the samples: rounding must not decide whether that one counts
    radius = radius + ROUNDING if inclusive else radius - ROUNDING
    if window == 1 and values.shape[1] == 1:
        column = values[:, 0]
        ordered = np.sort(column)
        above = np.searchsorted(ordered, column + radius, side="left")
        below = np.searchsorted(ordered, column - radius, side="right")
        return cast(Counts, np.maximum(above - below - 1, 0))
    if window == 1 and len(values) > TREE_COUNTS.get(values.shape[1], math.inf):
        tree = cKDTree(values)
        counts = tree.query_ball_point(values, radius, p=np.inf, return_length=True)
        return cast(Counts, np.maximum(counts - 1, 0))
    if window == 1:
        return _count_in_strips(values, radius)

    rows = np.arange(len(values))

    def of_block(start: int, distances: Array) -> Counts:
        _exclude(distances, start, window, rows)
        within = distances <= radius[start : start + len(distances), None]
        return cast(Counts, np.count_nonzero(within, axis=1))

    return np.concatenate(list(_blocks(values, of_block)))


def _count_in_strips(values: Array, radius: Array) -> Counts:
    """Compares rows that are alike in radius and in the first coordinate with those within reach of that alone."""
    order = np.argsort(values[:, 0])
    values, radius = values[order], radius[order]
    first = np.ascontiguousarray(values[:, 0])
    alike = np.lexsort((radius, np.arange(len(values)) // STRIP))
    counts = np.empty(len(values), dtype=np.int64)
    for start in range(0, len(values), ROWS_OF_STRIP):
        rows = alike[start : start + ROWS_OF_STRIP]
        reach = radius[rows].max()
        below = np.searchsorted(first, first[rows].min() - reach)
        above = np.searchsorted(first, first[rows].max() + reach, side="right")
        distances = cdist(values[rows], values[below:above], "chebyshev")
        within = distances <= radius[rows, None]
        counts[order[rows]] = np.count_nonzero(within, axis=1) - 1
    return np.maximum(counts, 0)


def close_rows(rows: Counts, window: int) -> Counts:
    """The range of samples that lie less than ``window`` rows from each sample, itself included.

    Args:
        rows: In ascending order, ``(n,)``.
        window: Rows.

    Returns:
        First index and index after the last, ``(2, n)``.
    """
    ends = rows - window, rows + window
    edges = np.searchsorted(rows, ends[0], "right"), np.searchsorted(rows, ends[1])
    return np.stack(edges).astype(np.int64)


def _exclude(distances: Array, start: int, window: int, rows: Counts) -> None:
    """Makes the pairs that lie less than ``window`` rows apart infinitely distant."""
    ranges = close_rows(rows, window)[:, start : start + len(distances)]
    for others, first, last in zip(distances, *ranges, strict=True):
        others[first:last] = np.inf


def _blocks(values: Array, of_block: Callable[[int, Array], Result]) -> Iterator[Result]:
    """Calls a function with the first row's number and the distances of a block of rows to all."""
    count = len(values)
    height = min(count, max(1, BLOCK_PAIRS // count))
    buffer = np.empty((height, count))
    for start in range(0, count, height):
        rows = values[start : start + height]
        yield of_block(start, cdist(rows, values, "chebyshev", out=buffer[: len(rows)]))
