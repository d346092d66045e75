"""Paired samples, checked once, that every estimator reads."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import entropy

from ibtrain.errors import ConfigError, DataError
from ibtrain.mi.columns import distinct, examine_columns, to_float

__all__ = [
    "FEWEST_BLOCKS",
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

FEWEST_BLOCKS = 10
"""Blocks of dependent rows, so that their spread tells a standard error to a quarter."""
LABEL_SHARE = 0.1
"""Integers with at most this many distinct values, as a share of the samples, are classes."""


@dataclass(frozen=True)
class Samples:
    """Samples of (x, y).

    Args:
        x: ``(n, dim_x)``.
        y: ``(n, dim_y)``; the class as a number where y is discrete.
        labels: Each sample's class, from 0, ``(n,)``; None where y is continuous.
        num_classes: How many classes there are; 0 where y is continuous.
        block: Consecutive rows that may depend on each other, as in a time series.
    """

    x: Array
    y: Array
    labels: NDArray[np.int64] | None = None
    num_classes: int = 0
    block: int = 1

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Rows) -> "Samples":
        """Some of them."""
        labels = None if self.labels is None else self.labels[rows]
        return Samples(self.x[rows], self.y[rows], labels, self.num_classes, self.block)

    @property
    def label_entropy(self) -> float | None:
        """H(Y) in nats of the samples' own frequencies; None where y is continuous."""
        return None if self.labels is None else float(entropy(np.bincount(self.labels)))


@dataclass(frozen=True)
class Side:
    """One side of the samples where it lies: numbers or classes; a memory map stays on its disk.

    Args:
        values: ``(n, dim)``, as they were given.
        varying: Indices of the columns that are not constant.
        smallest: The smallest value of each column, ``(dim,)``; of strings, nothing is known.
        classes: The classes in ascending order; None where the side is continuous.
        class_counts: How often each occurs.
    """

    values: NDArray[Any]
    varying: NDArray[np.intp]
    smallest: NDArray[Any]
    classes: NDArray[Any] | None = None
    class_counts: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def is_constant(self) -> bool:
        """Whether nothing varies, so that the side can tell nothing."""
        return len(self.varying) == 0

    @property
    def num_classes(self) -> int:
        """How many classes there are; 0 where the side is continuous."""
        return 0 if self.classes is None else len(self.classes)

    @property
    def entropy(self) -> float | None:
        """The entropy of the classes in nats, by their frequencies; None where the side is continuous."""
        return None if self.class_counts is None else float(entropy(self.class_counts))

    def numbers(self, rows: Rows = slice(None)) -> Array:
        """Some rows of the columns that vary, or all, in memory; classes by their number."""
        if self.classes is not None:
            return self.labels(rows)[:, None].astype(np.float64)
        part = self.values[rows]
        if len(self.varying) == part.shape[1]:
            return to_float(part, self.smallest)
        return to_float(part[:, self.varying], self.smallest[self.varying])

    def labels(self, rows: Rows = slice(None)) -> NDArray[np.int64]:
        """The classes of some rows, or of all, counted from 0."""
        assert self.classes is not None
        return np.searchsorted(self.classes, self.values[rows][:, 0]).astype(np.int64)

    def only(self, rows: NDArray[np.intp]) -> "Side":
        """The side of some rows, with the same classes; it is copied."""
        values = self.values[rows]
        counts = self.class_counts
        if self.classes is not None:
            places = np.searchsorted(self.classes, values[:, 0])
            counts = np.bincount(places, minlength=self.num_classes)
        return replace(self, values=values, class_counts=counts)

    def describe(self) -> str:
        """How the side is read, in words."""
        if self.classes is not None:
            return f"{self.num_classes} classes"
        count, dropped = len(self.varying), self.values.shape[1] - len(self.varying)
        dimensions = f"{count} continuous dimension{'s' * (count != 1)}"
        return f"{dimensions} ({dropped} constant left out)" if dropped else dimensions


@dataclass(frozen=True)
class StoredSamples:
    """Checked samples where they lie.

    Args:
        x: The first side, which is read as numbers.
        y: The second side; its classes are the label where it has any.
        block: Consecutive rows that may depend on each other, as in a time series.
    """

    x: Side
    y: Side
    block: int = 1

    def __len__(self) -> int:
        return len(self.x)

    @property
    def is_constant(self) -> bool:
        """Whether one side never varies, so that it can tell nothing."""
        return self.x.is_constant or self.y.is_constant

    @property
    def num_classes(self) -> int:
        """How many labels there are; 0 where y is continuous."""
        return self.y.num_classes

    @property
    def label_entropy(self) -> float | None:
        """H(Y) in nats of the samples' own frequencies; None where y is continuous."""
        return self.y.entropy

    def only(self, rows: NDArray[np.intp]) -> "StoredSamples":
        """The samples of some rows; they are copied."""
        return StoredSamples(self.x.only(rows), self.y.only(rows), self.block)

    def take(self, rows: Rows = slice(None)) -> Samples:
        """Some of them, or all, in memory."""
        if self.y.classes is None:
            return Samples(self.x.numbers(rows), self.y.numbers(rows), block=self.block)
        labels = self.y.labels(rows)
        numbers = self.x.numbers(rows), self.y.numbers(rows)
        return Samples(*numbers, labels, self.num_classes, self.block)


def check_samples(x: Any, y: Any, *, discrete: bool | None = None) -> Samples:
    """Samples in memory, as arrays of float64 with a row each; as :func:`check_stored` has them."""
    return check_stored(x, y, discrete=discrete).take()


def check_stored(x: Any, y: Any, *, discrete: bool | None = None) -> StoredSamples:
    """Samples where they lie, one a row, of a continuous x; y as :func:`check_side` reads it.

    Args:
        x: Samples of x.
        y: Samples of y, as many.
        discrete: Whether y is a label; None decides by its values.

    Raises:
        DataError: If the samples can't be used, or if there are not as many of each.
    """
    return pair_up(check_side("x", x, discrete=False), check_side("y", y, discrete=discrete))


def pair_up(x: Side, y: Side, block: int = 1) -> StoredSamples:
    """Two sides of as many samples, in whose consecutive blocks of rows samples may depend on each other.

    Raises:
        DataError: If one has more samples than the other.
        ConfigError: If there are fewer than :data:`FEWEST_BLOCKS` blocks.
    """
    if len(x) != len(y):
        raise DataError(f"{len(x)} and {len(y)} samples", "as many of each", "x and y")
    if block > 1 and len(x) < FEWEST_BLOCKS * block:
        most = max(1, len(x) // FEWEST_BLOCKS)
        raise ConfigError(block, f"at most {most} rows for {len(x)} samples", "blocks")
    return StoredSamples(x, y, block)


def check_side(where: str, values: Any, *, discrete: bool | None = None) -> Side:
    """One side of the samples; it is read a chunk at a time, and not copied.

    Args:
        where: Its name, for the errors.
        values: ``(n,)``, ``(n, dim)`` or more dimensions, which are flattened; anything that numpy
            makes numbers or strings of, a memory map, or a tensor.
        discrete: Whether it holds classes. None: where it is one column of strings, of truth values,
            or of integers (by dtype) of which at most a tenth are distinct.

    Raises:
        DataError: If there is NaN or infinity, a masked value, fewer than two samples, or something
            that is neither a number nor a class.
    """
    matrix = _matrix(where, values)
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
        most = np.inf if discrete or is_text else max(2, LABEL_SHARE * len(matrix))
        if values_and_counts := distinct(matrix, most):
            return Side(matrix, varying, smallest, *values_and_counts)
    return Side(matrix, varying, smallest)


def _matrix(where: str, values: Any) -> NDArray[Any]:
    array = _array(where, values)
    matrix = array.reshape(len(array), -1)
    if len(matrix) < 2:
        raise DataError("1 sample", "at least 2", where)
    return matrix


def _array(where: str, values: Any) -> NDArray[Any]:
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        # numpy has no bfloat16
        is_short = values.is_floating_point() and values.itemsize < 4
        values = (values.double() if is_short else values).numpy()
    _check_mask(where, values)
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError("rows of different lengths", "an array of numbers", where) from error
    except (RuntimeError, TypeError) as error:
        # what torch says of a list of tensors that numpy can't read
        raise DataError(
            f"{type(values).__name__} ({error})", "an array of numbers", where
        ) from error
    if array.dtype.kind == "U" and isinstance(values, (list, tuple)):
        # numpy would make a missing value the string "nan"
        array = np.asarray(values, dtype=object)
    if array.dtype.kind == "O" and array.size and all(isinstance(v, str) for v in array.flat):
        array = array.astype(np.str_)
    if array.dtype.kind not in "biufUS":
        expected = "an array of numbers, or one column of class names"
        raise DataError(f"an array of {array.dtype}", expected, where)
    if array.ndim == 0 or array.size == 0:
        raise DataError(f"an array of shape {array.shape}", "samples, one a row", where)
    return array


def _check_mask(where: str, values: Any) -> None:
    """numpy's masked arrays would become plain ones, with whatever lies under the mask."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        row = int(np.argwhere(np.ma.getmaskarray(values))[0][0])
        expected = "samples without masked values (leave these rows out of x and y)"
        raise DataError(f"a masked value in row {row}", expected, where)
