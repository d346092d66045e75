"""Converts samples of any kind to arrays: lists, tensors, data frames, memory maps."""

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ibtrain.errors import DataError

if TYPE_CHECKING:
    import pandas

__all__ = ["as_array"]


def as_array(where: str, values: Any) -> NDArray[Any]:
    """Converts samples to an array of numbers, or of strings, which are class names; a memory map stays one.

    A column of pandas' type ``category`` holds classes, whatever its values are, and becomes strings.

    Args:
        where: Name of the samples in error messages.
        values: Anything that numpy converts to numbers or strings, a memory map, a tensor, or a column or several
            columns of a data frame.

    Raises:
        DataError: If a value is missing, masked, or neither a number nor a class name, or if there is none.
    """
    # if pandas has not been imported, there is no data frame
    if (pandas := sys.modules.get("pandas")) is not None:
        if isinstance(values, pandas.Series):
            values = _of_column(where, values)
        elif isinstance(values, pandas.DataFrame):
            values = _of_frame(where, values)
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
        # raised by torch for a list of tensors that numpy can't convert
        raise DataError(
            f"{type(values).__name__} ({error})", "an array of numbers", where
        ) from error
    if array.dtype.kind == "U" and isinstance(values, (list, tuple)):
        # numpy would convert a missing value to the string "nan"
        array = np.asarray(values, dtype=object)
    if array.dtype.kind == "O" and array.size and all(isinstance(v, str) for v in array.flat):
        array = array.astype(np.str_)
    if array.dtype.kind not in "biufUS":
        expected = "an array of numbers, or one column of class names"
        raise DataError(f"an array of {array.dtype}", expected, where)
    if array.ndim == 0 or array.size == 0:
        raise DataError(f"an array of shape {array.shape}", "samples, one per row", where)
    return array


def _check_mask(where: str, values: Any) -> None:
    """Rejects masked values: the conversion of a masked array to a plain array would uncover them."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        row = int(np.argwhere(np.ma.getmaskarray(values))[0][0])
        expected = "samples without masked values (leave these rows out of x and y)"
        raise DataError(f"a masked value in row {row}", expected, where)


def _of_frame(where: str, frame: "pandas.DataFrame") -> NDArray[Any]:
    if frame.shape[1] == 1:
        return _of_column(where, frame.iloc[:, 0])
    for name, column in frame.items():
        _check_missing(where, column)
        if not _is_numeric(column):
            expected = "columns of numbers, or a single column of class names"
            raise DataError(
                f"column {name!r} of type {column.dtype} among several", expected, where
            )
    # columns of different types together would become objects
    is_uniform = frame.dtypes.nunique() == 1
    array: NDArray[Any] = frame.to_numpy() if is_uniform else frame.to_numpy(dtype=np.float64)
    return array


def _of_column(where: str, column: "pandas.Series") -> NDArray[Any]:
    _check_missing(where, column)
    is_category = str(column.dtype) == "category"
    values: NDArray[Any] = (column.astype(str) if is_category else column).to_numpy()
    return values


def _is_numeric(column: "pandas.Series") -> bool:
    return getattr(column.dtype, "kind", "O") in "biuf"


def _check_missing(where: str, column: "pandas.Series") -> None:
    missing = np.flatnonzero(column.isna())
    if len(missing):
        count = f"{len(missing)} missing value{'s' * (len(missing) > 1)}"
        given = f"{count} in column {column.name!r}, the first in row {missing[0]}"
        expected = "a value in every row (leave these rows out; rows are counted from 0)"
        raise DataError(given, expected, where)
