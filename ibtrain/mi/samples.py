"""Paired samples, checked once, that every estimator reads."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ibtrain.errors import DataError
from ibtrain.mi.columns import check_columns, distinct

__all__ = ["Samples", "StoredSamples", "check_samples", "check_stored"]

Array = NDArray[np.float64]
Rows = NDArray[np.integer[Any]] | slice

LABEL_SHARE = 0.1
"""Whole numbers with at most this many distinct values, as a share of the samples, are labels."""


@dataclass(frozen=True)
class Samples:
    """Samples of (x, y).

    Args:
        x: ``(n, dim_x)``.
        y: ``(n, dim_y)``; the label as a number where y is discrete.
        labels: Each sample's class, from 0, ``(n,)``; None where y is continuous.
        num_classes: How many classes there are; 0 where y is continuous.
    """

    x: Array
    y: Array
    labels: NDArray[np.int64] | None = None
    num_classes: int = 0

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Rows) -> "Samples":
        """Some of them."""
        labels = None if self.labels is None else self.labels[rows]
        return Samples(self.x[rows], self.y[rows], labels, self.num_classes)

    @property
    def label_entropy(self) -> float | None:
        """H(Y) in nats of the samples' own frequencies; None where y is continuous."""
        return None if self.labels is None else _entropy(np.bincount(self.labels))


@dataclass(frozen=True)
class StoredSamples:
    """Checked samples where they lie, of any type of number; a memory map stays on its disk.

    Args:
        x: ``(n, dim_x)``.
        y: ``(n, dim_y)``.
        is_constant: Whether one side never varies, so that it can tell nothing.
        classes: The labels in ascending order; None where y is continuous.
        class_counts: How often each occurs.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    is_constant: bool
    classes: Array | None = None
    class_counts: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def num_classes(self) -> int:
        """How many labels there are; 0 where y is continuous."""
        return 0 if self.classes is None else len(self.classes)

    @property
    def label_entropy(self) -> float | None:
        """H(Y) in nats of the samples' own frequencies; None where y is continuous."""
        return None if self.class_counts is None else _entropy(self.class_counts)

    def take(self, rows: Rows = slice(None)) -> Samples:
        """Some of them, or all, in memory."""
        x, y = (side[rows].astype(np.float64) for side in (self.x, self.y))
        if self.classes is None:
            return Samples(x, y)
        labels = np.searchsorted(self.classes, y[:, 0]).astype(np.int64)
        return Samples(x, y, labels, self.num_classes)


def _entropy(counts: NDArray[np.int64]) -> float:
    shares = counts / counts.sum()
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def check_samples(x: Any, y: Any, *, discrete: bool | None = None) -> Samples:
    """Samples in memory, as arrays of float64 with a row each; as :func:`check_stored` has them."""
    return check_stored(x, y, discrete=discrete).take()


def check_stored(x: Any, y: Any, *, discrete: bool | None = None) -> StoredSamples:
    """Samples where they lie, one a row; they are looked at a chunk at a time, and not copied.

    Args:
        x: ``(n,)``, ``(n, dim_x)`` or more dimensions, which are flattened; anything that numpy
            makes numbers of, a memory map, or a tensor.
        y: The same of y.
        discrete: Whether y is a label; None: where it is one column of whole numbers (or truth
            values) with few distinct ones.

    Raises:
        DataError: There is NaN or infinity, a constant column among others that vary, fewer than
            two samples, lengths differ, or something isn't a number.
    """
    first, varies_x = _matrix("x", x)
    second, varies_y = _matrix("y", y)
    if len(first) != len(second):
        raise DataError(f"{len(first)} and {len(second)} samples", "as many of each", "x and y")
    is_constant = not (varies_x and varies_y)
    if discrete and second.shape[1] > 1:
        raise DataError(f"{second.shape[1]} columns", "one column of labels", "y")
    may_be_labels = second.shape[1] == 1 and second.dtype.kind in "biu"
    if discrete or (discrete is None and may_be_labels):
        most = np.inf if discrete else max(2, LABEL_SHARE * len(second))
        if found := distinct(second, most):
            return StoredSamples(first, second, is_constant, *found)
    return StoredSamples(first, second, is_constant)


def _matrix(where: str, values: Any) -> tuple[NDArray[Any], bool]:
    array = _array(where, values)
    matrix = array.reshape(len(array), -1)
    if len(matrix) < 2:
        raise DataError("1 sample", "at least 2", where)
    return matrix, check_columns(where, matrix)


def _array(where: str, values: Any) -> NDArray[Any]:
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        # numpy has no bfloat16
        is_short = values.is_floating_point() and values.itemsize < 4
        values = (values.double() if is_short else values).numpy()
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError("rows of different lengths", "an array of numbers", where) from error
    if array.dtype.kind not in "biuf":
        raise DataError(f"an array of {array.dtype}", "an array of numbers", where)
    if array.ndim == 0 or array.size == 0:
        raise DataError(f"an array of shape {array.shape}", "samples, one a row", where)
    return array
