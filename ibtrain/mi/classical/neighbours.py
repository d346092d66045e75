"""Nearest neighbours and counts of neighbours in the maximum norm."""

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

TREE_MIN_SAMPLES = {2: 60_000, 3: 100_000}
"""Number of samples, by dimension, above which a tree counts faster than strips; in more dimensions it never does."""
TREE_MAX_DIMENSIONS = 10
"""Largest number of dimensions in which a tree finds the k nearest neighbours faster."""
ROUNDING_ERROR = 1e-13
"""Largest rounding error of a difference of two normal scores; distances between samples are far larger."""
BLOCK_PAIRS = 1 << 21
"""Number of pairs whose distances are in memory at a time."""
STRIP_SAMPLES, STRIP_ROWS = 256, 32
"""Number of samples with consecutive first coordinates in a strip, and number of its samples, with similar radii, that
are counted at a time."""


def nearest(
    values: Array, k: int, window: int = 1, rows: Counts | None = None
) -> tuple[Array, Counts]:
    """Finds the k nearest neighbours of every sample.

    Args:
        values: Samples without ties, ``(n, dim)``.
        k: Number of neighbours, less than the number of other samples.
        window: Samples fewer than this many rows apart are not neighbours; 1 excludes only the sample itself.
        rows: Row numbers of the samples in ascending order, ``(n,)``; None numbers them from 0.

    Returns:
        Distances in ascending order (infinite if there are too few neighbours) and indices, each ``(n, k)``.
    """
    if window == 1 and values.shape[1] <= TREE_MAX_DIMENSIONS:
        distances, indices = cKDTree(values).query(values, k + 1, p=np.inf)
        return distances[:, 1:], indices[:, 1:]

    rows = np.arange(len(values)) if rows is None else rows

    def of_block(start: int, distances: Array) -> tuple[Array, Counts]:
        _exclude(distances, start, window, rows)
        indices = np.argpartition(distances, k - 1, axis=1)[:, :k]
        smallest = np.take_along_axis(distances, indices, axis=1)
        order = np.argsort(smallest, axis=1)
        return np.take_along_axis(smallest, order, 1), np.take_along_axis(indices, order, 1)

    distances, indices = zip(*_blocks(values, of_block), strict=True)
    return np.concatenate(distances), np.concatenate(indices)


def count_within(values: Array, radius: Array, window: int = 1, *, inclusive: bool) -> Counts:
    """Counts the other samples within each sample's radius.

    Args:
        values: Samples, ``(n, dim)``, with the magnitude of normal scores.
        radius: Radius of each sample, ``(n,)``, above 0.
        window: Samples fewer than this many rows apart do not count; 1 excludes only the sample itself.
        inclusive: Whether a sample at exactly this distance counts.
    """
    # the radius is the distance to one of the samples: rounding must not decide whether this sample counts
    radius = radius + ROUNDING_ERROR if inclusive else radius - ROUNDING_ERROR
    if window == 1 and values.shape[1] == 1:
        column = values[:, 0]
        ordered = np.sort(column)
        above = np.searchsorted(ordered, column + radius, side="left")
        below = np.searchsorted(ordered, column - radius, side="right")
        return cast(Counts, np.maximum(above - below - 1, 0))
    if window == 1 and len(values) > TREE_MIN_SAMPLES.get(values.shape[1], math.inf):
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
    """Counts in strips: samples with similar radii are compared only with those near in the first coordinate."""
    order = np.argsort(values[:, 0])
    values, radius = values[order], radius[order]
    first = np.ascontiguousarray(values[:, 0])
    by_radius = np.lexsort((radius, np.arange(len(values)) // STRIP_SAMPLES))
    counts = np.empty(len(values), dtype=np.int64)
    for start in range(0, len(values), STRIP_ROWS):
        rows = by_radius[start : start + STRIP_ROWS]
        reach = radius[rows].max()
        below = np.searchsorted(first, first[rows].min() - reach)
        above = np.searchsorted(first, first[rows].max() + reach, side="right")
        distances = cdist(values[rows], values[below:above], "chebyshev")
        within = distances <= radius[rows, None]
        counts[order[rows]] = np.count_nonzero(within, axis=1) - 1
    return np.maximum(counts, 0)


def close_rows(rows: Counts, window: int) -> Counts:
    """Finds the range of samples less than ``window`` rows from each sample, including the sample itself.

    Args:
        rows: Row numbers in ascending order, ``(n,)``.
        window: Number of rows.

    Returns:
        First index of each range and index after its last, ``(2, n)``.
    """
    ends = rows - window, rows + window
    edges = np.searchsorted(rows, ends[0], "right"), np.searchsorted(rows, ends[1])
    return np.stack(edges).astype(np.int64)


def _exclude(distances: Array, start: int, window: int, rows: Counts) -> None:
    """Sets the distances of pairs less than ``window`` rows apart to infinity."""
    ranges = close_rows(rows, window)[:, start : start + len(distances)]
    for row, first, last in zip(distances, *ranges, strict=True):
        row[first:last] = np.inf


def _blocks(values: Array, of_block: Callable[[int, Array], Result]) -> Iterator[Result]:
    """Calls a function with the first row number of each block of rows and their distances to all rows."""
    count = len(values)
    height = min(count, max(1, BLOCK_PAIRS // count))
    buffer = np.empty((height, count))
    for start in range(0, count, height):
        block = values[start : start + height]
        yield of_block(start, cdist(block, values, "chebyshev", out=buffer[: len(block)]))
