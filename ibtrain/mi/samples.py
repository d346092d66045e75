"""Paired samples, checked once and then read by every estimator."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import entropy

from ibtrain.errors import ConfigError, DataError
from ibtrain.mi.arrays import as_array
from ibtrain.mi.columns import distinct, examine_columns, to_float

__all__ = [
    "MIN_BLOCKS",
    "Rows",
    "Samples",
    "Side",
    "StoredSamples",
    "check_samples",
    "check_side",
    "check_stored",
    "pair_up",
]

Array = NDArray[np.float64]
Rows = NDArray[np.integer[Any]] | slice

MIN_BLOCKS = 10
"""Minimum number of blocks of dependent rows: a standard error from their spread is then accurate to a quarter."""
MAX_LABEL_SHARE = 0.1
"""Integers are classes if the number of distinct values is at most this share of the number of samples."""


@dataclass(frozen=True)
class Samples:
    """Samples of (x, y).

    Args:
        x: Samples of x, ``(n, dim_x)``.
        y: Samples of y, ``(n, dim_y)``; the class as a number if y is discrete.
        labels: Class of each sample, from 0, ``(n,)``; None if y is continuous.
        num_classes: Number of classes; 0 if y is continuous.
        block: Number of consecutive rows that may depend on each other, as in a time series.
    """

    x: Array
    y: Array
    labels: NDArray[np.int64] | None = None
    num_classes: int = 0
    block: int = 1

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Rows) -> "Samples":
        """Returns the samples of some rows."""
        labels = None if self.labels is None else self.labels[rows]
        return Samples(self.x[rows], self.y[rows], labels, self.num_classes, self.block)

    @property
    def label_entropy(self) -> float | None:
        """H(Y) in nats from the frequencies of the classes; None if y is continuous."""
        return None if self.labels is None else float(entropy(np.bincount(self.labels)))


@dataclass(frozen=True)
class Side:
    """One side of the samples, numbers or classes, without a copy of the data: a memory map stays on disk.

    Args:
        values: Input array as a matrix, ``(n, dim)``.
        varying: Indices of the columns that are not constant.
        smallest: Smallest value of each column, ``(dim,)``; unused if the values are strings.
        classes: Classes in ascending order; None if the side is continuous.
        class_counts: Number of samples of each class.
        shape: Shape of the input array, which the matrix may flatten.
    """

    values: NDArray[Any]
    varying: NDArray[np.intp]
    smallest: NDArray[Any]
    classes: NDArray[Any] | None = None
    class_counts: NDArray[np.int64] | None = None
    shape: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    @property
    def is_constant(self) -> bool:
        """Whether all columns are constant, so that the information is zero."""
        return len(self.varying) == 0

    @property
    def num_classes(self) -> int:
        """Number of classes; 0 if the side is continuous."""
        return 0 if self.classes is None else len(self.classes)

    @property
    def entropy(self) -> float | None:
        """Entropy of the classes in nats from their frequencies; None if the side is continuous."""
        return None if self.class_counts is None else float(entropy(self.class_counts))

    def numbers(self, rows: Rows = slice(None)) -> Array:
        """Returns some or all rows of the non-constant columns as float64, in memory; a class becomes its index."""
        if self.classes is not None:
            return self.labels(rows)[:, None].astype(np.float64)
        values = self.values[rows]
        if len(self.varying) == values.shape[1]:
            return to_float(values, self.smallest)
        return to_float(values[:, self.varying], self.smallest[self.varying])

    def labels(self, rows: Rows = slice(None)) -> NDArray[np.int64]:
        """Returns the class indices, from 0, of some or all rows."""
        assert self.classes is not None
        return np.searchsorted(self.classes, self.values[rows][:, 0]).astype(np.int64)

    def only(self, rows: NDArray[np.intp]) -> "Side":
        """Returns a copy of some rows, with the same classes."""
        values = self.values[rows]
        counts = self.class_counts
        if self.classes is not None:
            labels = np.searchsorted(self.classes, values[:, 0])
            counts = np.bincount(labels, minlength=self.num_classes)
        return replace(self, values=values, class_counts=counts)

    def describe(self) -> str:
        """Describes in words how the side is read."""
        if self.classes is not None:
            count = self.num_classes
            words = f"a label with {count} class{'es' * (count != 1)}"
        else:
            count = len(self.varying)
            words = f"{count} continuous dimension{'s' * (count != 1)}"
        dropped = self.values.shape[1] - len(self.varying)
        if dropped and self.classes is None:
            words += f" ({dropped} constant left out)"
        return f"shape {self.shape}, {words}" if self.shape else words


@dataclass(frozen=True)
class StoredSamples:
    """Checked samples without a copy of the data.

    Args:
        x: First side, which is read as numbers.
        y: Second side; its classes are the label if it is discrete.
        block: Number of consecutive rows that may depend on each other, as in a time series.
    """

    x: Side
    y: Side
    block: int = 1

    def __len__(self) -> int:
        return len(self.x)

    @property
    def is_constant(self) -> bool:
        """Whether one side is constant, so that the information is zero."""
        return self.x.is_constant or self.y.is_constant

    @property
    def num_classes(self) -> int:
        """Number of classes of y; 0 if y is continuous."""
        return self.y.num_classes

    @property
    def label_entropy(self) -> float | None:
        """H(Y) in nats from the frequencies of the classes; None if y is continuous."""
        return self.y.entropy

    def only(self, rows: NDArray[np.intp]) -> "StoredSamples":
        """Returns a copy of the samples of some rows."""
        return StoredSamples(self.x.only(rows), self.y.only(rows), self.block)

    def take(self, rows: Rows = slice(None)) -> Samples:
        """Returns some or all samples in memory."""
        if self.y.classes is None:
            return Samples(self.x.numbers(rows), self.y.numbers(rows), block=self.block)
        labels = self.y.labels(rows)
        numbers = self.x.numbers(rows), self.y.numbers(rows)
        return Samples(*numbers, labels, self.num_classes, self.block)


def check_samples(x: Any, y: Any, *, discrete: bool | None = None) -> Samples:
    """Checks samples as :func:`check_stored` does and returns them in memory, as float64 arrays with one row each."""
    return check_stored(x, y, discrete=discrete).take()


def check_stored(x: Any, y: Any, *, discrete: bool | None = None) -> StoredSamples:
    """Checks samples of a continuous x and of y, one per row, without copying them; :func:`check_side` reads both.

    Args:
        x: Samples of x.
        y: Samples of y, as many as of x.
        discrete: Whether y is a label; None decides from its values.

    Raises:
        DataError: If the samples can't be used, or if x and y have different numbers of samples.
    """
    return pair_up(check_side("x", x, discrete=False), check_side("y", y, discrete=discrete))


def pair_up(x: Side, y: Side, block: int = 1) -> StoredSamples:
    """Pairs two sides of the same length; samples within a block of consecutive rows may depend on each other.

    Raises:
        DataError: If the sides have different numbers of samples.
        ConfigError: If there are fewer than :data:`MIN_BLOCKS` blocks.
    """
    if len(x) != len(y):
        raise DataError(f"{len(x)} and {len(y)} samples", "the same number of each", "x and y")
    if block > 1 and len(x) < MIN_BLOCKS * block:
        most = max(1, len(x) // MIN_BLOCKS)
        raise ConfigError(block, f"at most {most} rows for {len(x)} samples", "blocks")
    return StoredSamples(x, y, block)


def check_side(where: str, values: Any, *, discrete: bool | None = None) -> Side:
    """Checks one side of the samples; the data are read one chunk at a time and not copied.

    Args:
        where: Name of the side in error messages.
        values: Samples, ``(n,)``, ``(n, dim)`` or with more dimensions, which are flattened: anything that numpy
            converts to numbers or strings, a memory map, a tensor, or columns of a data frame.
        discrete: Whether the side holds classes. None: it does if it is one column of strings, of booleans,
            or of integers (by dtype) of which at most a tenth are distinct.

    Raises:
        DataError: If there is NaN or infinity, a masked value, fewer than two samples, or a value
            that is neither a number nor a class.
    """
    array = as_array(where, values)
    matrix = array.reshape(len(array), -1)
    if len(matrix) < 2:
        raise DataError("1 sample", "at least 2", where)
    is_text = matrix.dtype.kind in "US"
    if is_text and (discrete is False or matrix.shape[1] > 1):
        expected = "an array of numbers, or one column of class names"
        raise DataError(f"{matrix.shape[1]} column(s) of strings", expected, where)
    if discrete and matrix.shape[1] > 1:
        raise DataError(f"{matrix.shape[1]} columns", "one column of classes", where)
    if is_text:
        smallest, varying = matrix[0], np.arange(int((matrix != matrix[0]).any()))
    else:
        columns = examine_columns(where, matrix)
        smallest, varying = columns.smallest, np.flatnonzero(columns.varies)
    may_be_classes = matrix.shape[1] == 1 and matrix.dtype.kind in "biuUS"
    if discrete or (discrete is None and may_be_classes):
        most = np.inf if discrete or is_text else max(2, MAX_LABEL_SHARE * len(matrix))
        if values_and_counts := distinct(matrix, most):
            return Side(matrix, varying, smallest, *values_and_counts, array.shape)
    return Side(matrix, varying, smallest, shape=array.shape)
