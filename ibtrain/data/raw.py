"""Samples and labels as a source stores them: their checks, and the split of those without a test split."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ibtrain.data.copies import draw_split
from ibtrain.data.dataset import CHUNK_BYTES, MAX_MAGNITUDE
from ibtrain.errors import DataError

__all__ = ["RawData", "center_of", "centred", "check_arrays", "split_off_test"]

TEST_SHARE = 0.2
SPLIT_SEED = 0


@dataclass(frozen=True)
class RawData:
    """Samples and labels as the source stores them.

    Args:
        x_train: Training samples: vectors ``(samples, dim)`` or images
            ``(samples, channels, height, width)``, which may be bytes.
        y_train: Training labels, ``(samples,)``.
        x_test: Test samples.
        y_test: Test labels.
        num_classes: Number of classes; None derives it from the training labels.
    """

    x_train: NDArray[Any]
    y_train: NDArray[Any]
    x_test: NDArray[Any]
    y_test: NDArray[Any]
    num_classes: int | None = None


def split_off_test(x: NDArray[Any], y: NDArray[Any], where: str) -> RawData:
    """Splits off a random fifth of the samples as the test split, the same for every seed of a run.

    All copies of a sample go to the same split.
    """
    order = np.random.default_rng(SPLIT_SEED).permutation(len(x))
    is_test = np.zeros(len(x), dtype=bool)
    is_test[draw_split(x, order, round(TEST_SHARE * len(x)), "test", where)] = True
    return RawData(x[~is_test], y[~is_test], x[is_test], y[is_test])


def center_of(x: NDArray[Any]) -> NDArray[np.float64]:
    """Returns the mean of each coordinate, or of each channel."""
    mean: NDArray[np.float64] = x.mean((0, *range(2, x.ndim)), dtype=np.float64, keepdims=True)
    return mean


def centred(x: NDArray[Any], center: NDArray[np.float64]) -> NDArray[Any]:
    """Subtracts the centre before rounding to float32, which is coarse for large values; bytes are unchanged."""
    if x.dtype == np.uint8:
        return x
    values = np.empty(x.shape, dtype=np.float32)
    step = max(1, CHUNK_BYTES // (8 * x[0].size))
    for start in range(0, len(x), step):
        values[start : start + step] = x[start : start + step].astype(np.float64) - center
    return values


def check_arrays(x: NDArray[Any], y: NDArray[Any], where: str) -> None:
    """Checks that samples and labels are finite numbers, not too large, and equal in number.

    Raises:
        DataError: If a check fails; the message names the first one.
    """
    if x.ndim not in (2, 4):
        expected = "(samples, dim) or (samples, channels, height, width)"
        raise DataError(f"samples of shape {x.shape}", expected, where)
    if x.size == 0:
        raise DataError(f"samples of shape {x.shape}", "at least one value in each", where)
    if y.shape != (len(x),):
        raise DataError(
            f"labels of shape {y.shape}", f"one label for each of {len(x)} samples", where
        )
    if len(x) < 2:
        raise DataError(f"{len(x)} samples", "at least 2", where)
    for name, array in (("samples", x), ("labels", y)):
        if array.dtype.kind not in "biuf":
            raise DataError(f"{name} of type {array.dtype}", "numbers", where)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            count = int((~np.isfinite(array)).sum())
            raise DataError(
                f"{count} NaN or infinite values in the {name}", "finite numbers", where
            )
        # compared as Python numbers, because float16 can't hold the limit
        if array.dtype.kind == "f" and max(array.max().item(), -array.min().item()) > MAX_MAGNITUDE:
            row, column = divmod(int(np.abs(array).argmax()), array[0].size)
            given = f"a value of {array[row].flat[column]:g} in row {row}, column {column} of the {name}"
            raise DataError(given, "values whose squares float32 can hold", where)
