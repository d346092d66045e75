"""Samples and labels as a source stores them: their checks, and the split of those without a test split."""

from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ibtrain.backend.mapped import spacious_tensor
from ibtrain.data.copies import draw_split
from ibtrain.data.dataset import Dataset
from ibtrain.data.labels import Class, class_index, find_classes, read_labels
from ibtrain.data.rows import row_slices, take_rows
from ibtrain.data.samples import as_tensor, check_values, with_channels
from ibtrain.data.scaling import Scaling
from ibtrain.data.split import Split
from ibtrain.errors import DataError

__all__ = ["RawData", "checked_arrays", "raw_data", "split_off_test", "to_dataset"]

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
        classes: The classes; empty for the distinct training labels. Labels may be indices of classes that are names.
        center: What was subtracted from the samples.
        columns: Names of the columns of the samples; empty if they have none.
    """

    x_train: NDArray[Any]
    y_train: NDArray[Any]
    x_test: NDArray[Any]
    y_test: NDArray[Any]
    classes: tuple[Class, ...] = ()
    center: NDArray[np.float64] | None = None
    columns: tuple[str, ...] = ()


def raw_data(
    x: NDArray[Any],
    y: Any,
    where: str,
    *,
    test: tuple[NDArray[Any], Any] | None = None,
    test_where: str = "test",
    source: str = "",
    classes: tuple[Class, ...] = (),
    columns: tuple[str, ...] = (),
) -> RawData:
    """Checks samples and labels, centres the samples, and splits off a test split if there is none.

    Args:
        x: Samples: vectors, or images with or without an axis of channels.
        y: Labels.
        where: The samples and labels, for error messages.
        test: Samples and labels of the test split; None takes a fixed fifth of the samples.
        test_where: The test split, for error messages.
        source: The data set, for a warning of copies; by default ``where``.
        classes: The classes, as of :class:`RawData`.
        columns: Names of the columns of the samples; empty if they have none.

    Raises:
        DataError: If the samples or labels can't be used.
    """
    x, y = checked_arrays(x, y, where)
    center = _center_of(x)
    if test is None:
        x = _centred(x, center, where)
        raw = split_off_test(x, y, source or where)
        return replace(raw, classes=classes, center=center, columns=columns)
    x_test, y_test = checked_arrays(*test, test_where)
    if x_test.shape[1:] != x.shape[1:]:
        expected = f"samples of shape {x.shape[1:]}, as in training"
        raise DataError(f"shape {x_test.shape[1:]}", expected, test_where)
    x, x_test = _centred(x, center, where), _centred(x_test, center, test_where)
    return RawData(x, y, x_test, y_test, classes, center, columns)


def split_off_test(x: NDArray[Any], y: NDArray[Any], where: str) -> RawData:
    """Splits off a random fifth of the samples as the test split, the same for every seed of a run.

    All copies of a sample go to the same split.
    """
    order = np.random.default_rng(SPLIT_SEED).permutation(len(x))
    is_test = np.zeros(len(x), dtype=bool)
    is_test[draw_split(x, order, round(TEST_SHARE * len(x)), "test", where)] = True
    tensor = as_tensor(x)
    x_train, x_test = (
        take_rows(tensor, torch.from_numpy(part.nonzero()[0]), where).numpy()
        for part in (~is_test, is_test)
    )
    return RawData(x_train, y[~is_test], x_test, y[is_test])


def to_dataset(name: str, raw: RawData) -> Dataset:
    """Converts raw arrays to a data set; bytes stay bytes."""
    y_train, y_test = (read_labels(y, name) for y in (raw.y_train, raw.y_test))
    classes = raw.classes or find_classes(y_train, name)
    train, test = (
        Split(as_tensor(x), torch.from_numpy(class_index(y, classes, name)))
        for x, y in ((raw.x_train, y_train), (raw.x_test, y_test))
    )
    is_bytes = train.x.dtype == torch.uint8
    center = None if raw.center is None or is_bytes else torch.from_numpy(raw.center)
    shape = tuple(train.x.shape[1:])
    scaling = Scaling(shape, is_bytes=is_bytes, center=center, columns=raw.columns)
    return Dataset(name, train, test, len(classes), scaling=scaling, classes=classes)


def checked_arrays(x: NDArray[Any], y: Any, where: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Checks that samples are finite numbers and labels classes, and that there are equally many.

    Returns:
        Samples, with the channels of images in the second axis, and labels ``(samples,)``.

    Raises:
        DataError: If a check fails; the message names the first one.
    """
    x = with_channels(x)
    if x.ndim not in (2, 4):
        expected = "(samples, dim) or (samples, channels, height, width)"
        raise DataError(f"samples of shape {x.shape}", expected, where)
    if x.size == 0:
        raise DataError(f"samples of shape {x.shape}", "at least one value in each", where)
    labels = read_labels(y, where)
    if len(labels) != len(x):
        expected = f"one label for each of {len(x)} samples"
        raise DataError(f"labels of shape {labels.shape}", expected, where)
    if len(x) < 2:
        raise DataError(f"{len(x)} samples", "at least 2", where)
    check_values(x, where)
    return x, labels


def _center_of(x: NDArray[Any]) -> NDArray[np.float64]:
    """Returns the mean of each coordinate, or of each channel; it depends on the values, and not on their layout in memory."""
    axes = (0, *range(2, x.ndim))
    # numpy adds up in the order of memory
    sums = (
        np.ascontiguousarray(x[part]).sum(axes, dtype=np.float64, keepdims=True)
        for part in row_slices(x)
    )
    center: NDArray[np.float64] = reduce(np.add, sums) / (x.size // x.shape[1])
    return center


def _centred(x: NDArray[Any], center: NDArray[np.float64], where: str) -> NDArray[Any]:
    """Subtracts the centre before rounding to float32, which is coarse for large values; bytes are unchanged."""
    if x.dtype == np.uint8:
        return x
    values: NDArray[Any] = spacious_tensor(x.shape, torch.float32, where).numpy()
    for part in row_slices(x):
        values[part] = x[part].astype(np.float64) - center
    return values
