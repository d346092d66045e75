"""Samples of any kind as an array of numbers: arrays, tensors, lists and data frames."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from ibtrain.data.labels import is_missing, missing_values
from ibtrain.data.rows import row_slices
from ibtrain.data.split import MAX_MAGNITUDE, place_of
from ibtrain.errors import DataError

__all__ = [
    "as_tensor",
    "check_values",
    "column_names",
    "read_samples",
    "select_columns",
    "with_channels",
]

CHANNEL_COUNTS = (1, 3, 4)
"""Possible numbers of channels of images: grey, RGB and RGBA."""
FILL_IN = "finite numbers: drop these rows or fill them in"
ENCODE = "numbers: one-hot encode it (pandas.get_dummies) or drop it"


def column_names(x: Any) -> tuple[str, ...]:
    """Returns the names of a data frame's columns; empty for anything else."""
    columns = getattr(x, "columns", None)
    return () if columns is None else tuple(str(column) for column in columns)


def select_columns(x: Any, columns: tuple[str, ...], where: str) -> Any:
    """Returns the columns of a data frame by name, in the order of training; anything else is returned unchanged.

    Raises:
        DataError: If a column is missing.
    """
    names = column_names(x)
    if not names or not columns or names == columns:
        return x
    missing = [name for name in columns if name not in names]
    if missing:
        expected = f"the columns of training: {', '.join(columns)}"
        raise DataError(f"no column {missing[0]!r}", expected, where)
    return x.iloc[:, [names.index(name) for name in columns]]


def read_samples(x: Any, where: str) -> NDArray[Any]:
    """Converts samples to an array of finite numbers; the values are not copied where that is possible.

    Args:
        x: Samples ``(samples, ...)``: an array, a tensor, nested lists, or a data frame.
        where: The argument or file, for error messages.

    Raises:
        DataError: If the samples are not numbers, or if values are missing.
    """
    if isinstance(x, DataLoader | TorchDataset):
        expected = "an array, a tensor or a data frame: Dataset.from_torch(loader) reads it"
        raise DataError(f"a {type(x).__name__}", expected, where)
    if isinstance(x, str | bytes | dict) or hasattr(x, "toarray") or not hasattr(x, "__len__"):
        advice = ": call x.toarray()" if hasattr(x, "toarray") else ""
        expected = f"an array, a tensor or a data frame of samples{advice}"
        raise DataError(f"a {type(x).__name__}", expected, where)
    names = column_names(x)
    if names:
        _check_frame(x, names, where)
    samples = _array(x, where)
    if samples.ndim < 2:
        expected = "(samples, dim): x.reshape(-1, 1) for one value a sample, x[None] for one sample"
        raise DataError(f"samples of shape {samples.shape}", expected, where)
    if samples.dtype.kind in "OUS":
        samples = _numbers(samples, where)
    check_values(samples, where)
    return samples


def _check_frame(frame: Any, names: tuple[str, ...], where: str) -> None:
    """Checks that every column of a data frame holds numbers, and none is missing."""
    for name, values in zip(names, _columns(frame, names), strict=True):
        missing = sum(map(is_missing, values)) if values.dtype.kind == "O" else 0
        missing = int(np.isnan(values).sum()) if values.dtype.kind == "f" else missing
        if missing:
            given = missing_values(missing, f"column {name!r}")
            expected = "numbers: drop these rows (dropna) or fill them in (fillna)"
            raise DataError(given, expected, where)
        if _is_text(values):
            columns = _columns(frame, names)
            text = [other for other, column in zip(names, columns, strict=True) if _is_text(column)]
            it, plural = ("it", "") if len(text) == 1 else ("them", "s")
            # without columns= it would also encode the labels
            how = f"one-hot encode {it} (pandas.get_dummies(frame, columns={text})) or drop {it}"
            given = f"strings in column{plural} {', '.join(map(repr, text))}"
            raise DataError(given, f"numbers: {how}", where)
        if values.dtype.kind in "Mmc":
            raise DataError(f"column {name!r} of type {values.dtype}", "real numbers", where)


def _columns(frame: Any, names: tuple[str, ...]) -> Iterator[NDArray[Any]]:
    for index, name in enumerate(names):
        yield np.asarray(frame.iloc[:, index] if hasattr(frame, "iloc") else frame[name])


def _is_text(values: NDArray[Any]) -> bool:
    kind = values.dtype.kind
    return kind in "US" or (kind == "O" and any(isinstance(value, str) for value in values))


def _array(x: Any, where: str) -> NDArray[Any]:
    try:
        if isinstance(x, list | tuple) and len(x) and hasattr(x[0], "detach"):
            return np.stack([_array(row, where) for row in x])
        if hasattr(x, "detach"):
            x = x.detach().cpu()
            # numpy has no bfloat16
            x = (x.float() if x.is_floating_point() and x.itemsize < 4 else x).numpy()
        return np.asarray(x)
    except (TypeError, ValueError, RuntimeError) as error:
        expected = f"an array of samples of one shape ({error})"
        raise DataError(f"samples of type {type(x).__name__}", expected, where) from error


def _numbers(samples: NDArray[Any], where: str) -> NDArray[Any]:
    """Converts an array of Python's numbers; strings are refused, also those that look like numbers."""
    values = samples.ravel().tolist()
    text = next((value for value in values if isinstance(value, str | bytes)), None)
    if text is not None:
        raise DataError(f"the string {text!r}", ENCODE, where)
    missing = sum(map(is_missing, values))
    if missing:
        raise DataError(missing_values(missing, "the samples"), FILL_IN, where)
    try:
        return samples.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"samples of type {samples.dtype}", f"numbers ({error})", where) from error


def check_values(samples: NDArray[Any], where: str) -> None:
    """Checks that samples are finite numbers, and not too large.

    Raises:
        DataError: If a check fails.
    """
    if samples.size == 0:
        expected = "at least one value in each"
        raise DataError(f"samples of shape {samples.shape}", expected, where)
    if samples.dtype.kind not in "biuf":
        raise DataError(f"samples of type {samples.dtype}", "numbers", where)
    if samples.dtype.kind != "f":
        return
    # of a chunk as Python numbers, because float16 can't hold the limit; NaN if there is one
    chunks = (samples[part] for part in row_slices(samples))
    if all(max(c.max().item(), -c.min().item()) <= MAX_MAGNITUDE for c in chunks):
        return
    count, first = 0, (0, 0)
    for part in row_slices(samples):
        bad = ~np.isfinite(samples[part]).reshape(-1, samples[0].size)
        if bad.any():
            row, column = divmod(int(bad.argmax()), bad.shape[1])
            first = first if count else (part.start + row, column)
            count += int(bad.sum())
    if count:
        given = f"{count} NaN or infinite values in the samples (the first in {place_of(first)})"
        raise DataError(given, FILL_IN, where)
    largest = max((samples.argmax(), samples.argmin()), key=lambda at: abs(samples.flat[at]))
    row, column = divmod(int(largest), samples[0].size)
    value = samples[row].flat[column]
    given = f"a value of {value:g} in {place_of((row, column))} of the samples"
    raise DataError(given, "values whose squares float32 can hold", where)


def as_tensor(x: NDArray[Any]) -> Tensor:
    """Returns a tensor that shares the memory of an array, if it can; the array may be mapped from a file that can't be written."""
    if min(x.strides, default=0) < 0:
        # torch has no such strides
        x = x.copy()
    with warnings.catch_warnings():
        # nothing writes to samples
        warnings.filterwarnings("ignore", ".*not writable", UserWarning)
        return torch.from_numpy(x)


def with_channels(x: NDArray[Any]) -> NDArray[Any]:
    """Returns images as ``(samples, channels, height, width)``, and other arrays unchanged.

    Images are ``(samples, height, width)``, or have 1, 3 or 4 channels in the last axis and another number in the second.
    """
    if x.ndim == 3:
        return x[:, None]
    is_last = x.ndim == 4 and x.shape[3] in CHANNEL_COUNTS and x.shape[1] not in CHANNEL_COUNTS
    return x.transpose(0, 3, 1, 2) if is_last else x
