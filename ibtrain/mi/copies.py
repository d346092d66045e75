"""Repeated rows: copies of samples that are no samples of their own."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ibtrain.io.hashing import hash_rows
from ibtrain.mi.samples import Side, StoredSamples

__all__ = ["Copies", "find_copies"]

Hashes = NDArray[np.uint64]

MAX_ROWS = 100_000
"""Samples, evenly spread, in which copies are searched first."""
MIN_COPIES = 5
FEWEST_SHARE = 0.01
"""Copies, in number and as a share of the samples, that are worth a second look."""
SAME_ROW = 0.5
"""Share of the repeated x (and y) that must repeat the whole row: by rounding alone few do."""
CONTINUOUS = 0.9
"""Distinct values of some coordinate, as a share of the distinct rows: on a grid it has far fewer."""
FEWEST_DISTINCT = 50
"""Distinct rows below which values are those of a discrete variable."""
REGULAR = 1e-6
"""Rounding of a step of a regular grid, as a share of it."""
TAKEN = 0.01
"""Share of a grid's points that are taken where it is one; of random values it is 1 over their number."""
MOST_TIMES = 50
"""Copies of a row on average. A value that occurs more often is one of a discrete variable."""
OVERDISPERSED = 3.0
"""Variance of the numbers of copies over their mean: 0 to 1 where rows were copied or drawn again, far more
where values are rounded and the common ones occur more often."""
PIECE = 1 << 16


class Copies(NamedTuple):
    """The rows that occur for the first time.

    Args:
        rows: Their indices, in order.
        share: Share of the samples that are copies of others.
    """

    rows: NDArray[np.intp]
    share: float


def find_copies(samples: StoredSamples) -> Copies | None:
    """Which samples are left when copies of whole rows are left out; None where there are no copies.

    Values of a discrete or rounded variable repeat by nature, and are no copies. Rows count as copies
    if what repeats of x (and of a continuous y) mostly repeats as a whole row, although some coordinate is
    as good as continuous: nearly every distinct row has its own value of it, and the values are not on a
    regular grid.

    Args:
        samples: Any, of which one side at least is continuous.
    """
    count = len(samples)
    looked_at = np.linspace(0, count - 1, min(MAX_ROWS, count)).astype(np.int64)
    if not _are_copied(samples, looked_at):
        return None
    everything = np.arange(count)
    both = _of_pairs(_hashes(samples.x, everything), _hashes(samples.y, everything))
    _, first = np.unique(both, return_index=True)
    return Copies(np.sort(first), 1 - len(first) / count)


def _are_copied(samples: StoredSamples, rows: NDArray[np.int64]) -> bool:
    x, y = _hashes(samples.x, rows), _hashes(samples.y, rows)
    _, times = np.unique(_of_pairs(x, y), return_counts=True)
    distinct = len(times)
    repeated = len(rows) - distinct
    share = repeated / len(rows) * len(samples) / len(rows)
    if (
        distinct < FEWEST_DISTINCT
        or repeated < MIN_COPIES
        or share < FEWEST_SHARE
        or len(rows) > MOST_TIMES * distinct
    ):
        return False
    if times.var() > OVERDISPERSED * times.mean():
        return False
    sides = [hashes for side, hashes in ((samples.x, x), (samples.y, y)) if side.classes is None]
    if any(repeated < SAME_ROW * (len(rows) - len(np.unique(side))) for side in sides):
        return False
    continuous = (side for side in (samples.x, samples.y) if side.classes is None)
    columns = (np.unique(column) for side in continuous for column in side.numbers(rows).T)
    return any(len(values) >= CONTINUOUS * distinct and not _is_grid(values) for values in columns)


def _is_grid(values: NDArray[np.float64]) -> bool:
    """Whether ascending values lie on a regular grid, most of whose points are taken, as counts and ages do."""
    steps = np.diff(values)
    smallest = steps.min(initial=np.inf)
    points = (values[-1] - values[0]) / smallest
    in_steps = steps / smallest
    is_regular = (np.abs(in_steps - in_steps.round()) < REGULAR * in_steps).all()
    return bool(is_regular and len(values) > TAKEN * points)


def _hashes(side: Side, rows: NDArray[np.int64]) -> Hashes:
    """A number for each row; equal rows have equal ones."""
    pieces = (rows[start : start + PIECE] for start in range(0, len(rows), PIECE))
    return np.concatenate([hash_rows(side.numbers(piece)) for piece in pieces])


def _of_pairs(x: Hashes, y: Hashes) -> Hashes:
    return hash_rows(np.column_stack([x, y]))
