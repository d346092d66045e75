"""Paired samples, checked once, that every estimator reads."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ibtrain.errors import DataError
from ibtrain.mi.diagnostics import is_constant

__all__ = ["Samples", "check_samples"]

Array = NDArray[np.float64]

LABEL_SHARE = 0.1
"""Whole numbers with at most this many distinct values, as a share of the samples, are labels."""


@dataclass(frozen=True)
class Samples:
    """Samples of (x, y).

    Args:
        x: ``(n, dim_x)``.
        y: ``(n, dim_y)``; the label as a number where y is discrete.
        labels: Each sample's class, from 0, ``(n,)``; None where y is continuous.
    """

    x: Array
    y: Array
    labels: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def is_constant(self) -> bool:
        """Whether one side never varies, so that it can tell nothing."""
        return is_constant(self.x) or is_constant(self.y)

    @property
    def label_entropy(self) -> float | None:
        """H(Y) in nats of the samples' own frequencies; None where y is continuous."""
        if self.labels is None:
            return None
        shares = np.bincount(self.labels) / len(self)
        shares = shares[shares > 0]
        return float(-(shares * np.log(shares)).sum())


def check_samples(x: Any, y: Any, *, discrete: bool | None = None) -> Samples:
    """Samples as arrays of float64, one row each.

    Args:
        x: ``(n,)``, ``(n, dim_x)`` or more dimensions, which are flattened; anything that numpy
            makes numbers of, or a tensor.
        y: The same of y.
        discrete: Whether y is a label; None: where it is one column of whole numbers (or truth
            values) with few distinct ones.

    Raises:
        DataError: There is NaN or infinity, a constant column among others that vary, fewer than
            two samples, lengths differ, or something isn't a number.
    """
    first = _matrix("x", _array("x", x))
    raw = _array("y", y)
    second = _matrix("y", raw)
    if len(first) != len(second):
        raise DataError(f"{len(first)} and {len(second)} samples", "as many of each", "x and y")
    labels = None
    if discrete or (discrete is None and _looks_like_labels(raw)):
        if second.shape[1] > 1:
            raise DataError(f"{second.shape[1]} columns", "one column of labels", "y")
        _, labels = np.unique(second[:, 0], return_inverse=True)
        labels = labels.astype(np.int64)
    return Samples(first, second, labels)


def _array(where: str, values: Any) -> NDArray[Any]:
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        # numpy has no bfloat16
        values = (values.double() if values.is_floating_point() else values).numpy()
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError("rows of different lengths", "an array of numbers", where) from error
    if array.dtype.kind not in "biuf":
        raise DataError(f"an array of {array.dtype}", "an array of numbers", where)
    if array.ndim == 0 or array.size == 0:
        raise DataError(f"an array of shape {array.shape}", "samples, one a row", where)
    return array


def _matrix(where: str, array: NDArray[Any]) -> Array:
    matrix: Array = array.reshape(len(array), -1).astype(np.float64)
    if len(matrix) < 2:
        raise DataError("1 sample", "at least 2", where)
    finite = np.isfinite(matrix)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        given = f"{matrix[row, column]} in row {row}, column {column}"
        raise DataError(given, "finite numbers", where)
    constant = np.flatnonzero((matrix == matrix[0]).all(axis=0))
    if 0 < len(constant) < matrix.shape[1]:
        columns = ", ".join(map(str, constant[:5])) + (", ..." if len(constant) > 5 else "")
        given = f"nothing but {matrix[0, constant[0]]:g} in column {columns}"
        raise DataError(given, "columns that vary (leave it out: it tells nothing)", where)
    return matrix


def _looks_like_labels(array: NDArray[Any]) -> bool:
    is_column = array.ndim == 1 or array[0].size == 1
    if array.dtype.kind not in "biu" or not is_column:
        return False
    return len(np.unique(array)) <= max(2, LABEL_SHARE * len(array))
