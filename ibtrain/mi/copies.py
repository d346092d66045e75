"""Finds repeated rows: copies of samples, which carry no additional information."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ibtrain.io.hashing import hash_rows
from ibtrain.mi.samples import Side, StoredSamples

__all__ = ["Copies", "find_copies"]

Hashes = NDArray[np.uint64]

MAX_ROWS = 100_000
"""Maximum number of evenly spaced samples in the first search for copies."""
MIN_COPIES = 5
MIN_COPIED_SHARE = 0.01
"""Smallest number of copies, and smallest share of the samples, that count as copied data."""
MIN_WHOLE_ROW_SHARE = 0.5
"""Share of the repeated x (and of the repeated y) in which the whole row must repeat: with rounding alone few do."""
MIN_DISTINCT_SHARE = 0.9
"""Distinct values of a continuous coordinate, as a share of the distinct rows; rounded values have far fewer."""
MIN_DISTINCT_ROWS = 50
"""Number of distinct rows below which a variable counts as discrete."""
GRID_TOLERANCE = 1e-6
"""Relative rounding error of the steps of a regular grid."""
MIN_OCCUPIED_SHARE = 0.01
"""Smallest share of a grid's points that occur as values; for random values the share is about 1 over their number."""
MAX_MEAN_OCCURRENCES = 50
"""Largest mean number of occurrences of a row. Values that occur more often belong to a discrete variable."""
MAX_DISPERSION = 3.0
"""Largest ratio of the variance of the numbers of occurrences to their mean: 0 to 1 where rows were copied or drawn
with replacement, far more where values are rounded and common values occur more often."""
HASHED_ROWS = 1 << 16
"""Number of rows that are hashed at a time."""


class Copies(NamedTuple):
    """The first occurrence of each distinct row.

    Args:
        rows: Indices of the first occurrences, in ascending order.
        share: Share of the samples that are copies of earlier samples.
    """

    rows: NDArray[np.intp]
    share: float


def find_copies(samples: StoredSamples) -> Copies | None:
    """Returns the samples that remain without copies of whole rows; None if there are no copies.

    Values of a discrete or rounded variable repeat naturally and are not copies. Rows count as copies if most
    repeated values of x (and of a continuous y) repeat together with the whole row, although some coordinate is
    practically continuous: it has a different value in nearly every distinct row, and its values do not lie on
    a regular grid.

    Args:
        samples: Samples with at least one continuous side.
    """
    count = len(samples)
    inspected = np.linspace(0, count - 1, min(MAX_ROWS, count)).astype(np.int64)
    if not _has_copies(samples, inspected):
        return None
    all_rows = np.arange(count)
    pairs = _pair_hashes(_row_hashes(samples.x, all_rows), _row_hashes(samples.y, all_rows))
    _, first = np.unique(pairs, return_index=True)
    return Copies(np.sort(first), 1 - len(first) / count)


def _has_copies(samples: StoredSamples, rows: NDArray[np.int64]) -> bool:
    x, y = _row_hashes(samples.x, rows), _row_hashes(samples.y, rows)
    _, occurrences = np.unique(_pair_hashes(x, y), return_counts=True)
    distinct = len(occurrences)
    repeated = len(rows) - distinct
    share = repeated / len(rows) * len(samples) / len(rows)
    if (
        distinct < MIN_DISTINCT_ROWS
        or repeated < MIN_COPIES
        or share < MIN_COPIED_SHARE
        or len(rows) > MAX_MEAN_OCCURRENCES * distinct
    ):
        return False
    if occurrences.var() > MAX_DISPERSION * occurrences.mean():
        return False
    sides = [hashes for side, hashes in ((samples.x, x), (samples.y, y)) if side.classes is None]
    if any(repeated < MIN_WHOLE_ROW_SHARE * (len(rows) - len(np.unique(side))) for side in sides):
        return False
    continuous = (side for side in (samples.x, samples.y) if side.classes is None)
    columns = (np.unique(column) for side in continuous for column in side.numbers(rows).T)
    return any(
        len(values) >= MIN_DISTINCT_SHARE * distinct and not _is_grid(values) for values in columns
    )


def _is_grid(values: NDArray[np.float64]) -> bool:
    """Returns whether ascending values lie on a regular grid and occupy enough of it, as counts and ages do."""
    steps = np.diff(values)
    smallest = steps.min(initial=np.inf)
    points = (values[-1] - values[0]) / smallest
    in_steps = steps / smallest
    is_regular = (np.abs(in_steps - in_steps.round()) < GRID_TOLERANCE * in_steps).all()
    return bool(is_regular and len(values) > MIN_OCCUPIED_SHARE * points)


def _row_hashes(side: Side, rows: NDArray[np.int64]) -> Hashes:
    """Returns a hash of each row; equal rows have equal hashes."""
    pieces = (rows[start : start + HASHED_ROWS] for start in range(0, len(rows), HASHED_ROWS))
    return np.concatenate([hash_rows(side.numbers(piece)) for piece in pieces])


def _pair_hashes(x: Hashes, y: Hashes) -> Hashes:
    return hash_rows(np.column_stack([x, y]))
