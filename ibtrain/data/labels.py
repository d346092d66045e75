"""Labels of any kind: numbers of any range, strings, booleans or one-hot rows, and the classes that they name."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ibtrain.errors import DataError

__all__ = [
    "SHOWN",
    "Class",
    "class_index",
    "find_classes",
    "is_missing",
    "missing_values",
    "read_labels",
]

Class = str | int | bool
"""A label as the user has it."""
MAX_CLASS_SHARE = 0.5
"""Largest number of classes for each sample; scikit-learn warns above the same share."""
SHOWN = 10
"""Maximum number of classes that a message names."""
LABEL_EACH = "a label for each sample: drop the rows without one (dropna of a data frame)"
NOT_CLASSES = (
    "classes, each of several samples (not targets of a regression, which ibtrain does not train)"
)


def read_labels(y: Any, where: str) -> NDArray[Any]:
    """Converts labels to an array of integers, booleans or strings, ``(samples,)``.

    Args:
        y: Labels ``(samples,)`` or ``(samples, 1)``, or one-hot rows ``(samples, classes)``, whose classes are the names
            of a data frame's columns, or else numbers from 0: an array, a tensor, a list, or a column of a frame.
        where: The argument, file or column, for error messages.

    Raises:
        DataError: If labels are missing, or are not labels of a classification.

    Example:
        >>> read_labels([[0, 1, 0], [0, 0, 1]], "y").tolist()
        [1, 2]
    """
    columns = getattr(y, "columns", None)
    # pandas' columns have a name
    place = (
        f"column {y.name!r}, the labels" if hasattr(y, "iloc") and columns is None else "the labels"
    )
    labels = _array(y, where)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2:
        index = _one_hot_index(labels, where)
        return index if columns is None else np.asarray([str(c) for c in columns])[index]
    if labels.ndim != 1:
        expected = "one label for each sample, or one-hot rows"
        given = f"of shape {labels.shape}" if labels.ndim else f"of type {type(y).__name__}"
        raise DataError(f"labels {given}", expected, where)
    return _classes_only(labels, where, place)


def missing_values(count: int, place: str) -> str:
    """Says how many values are missing, and where."""
    return f"{count} missing value{'s' * (count != 1)} in {place}"


def is_missing(value: object) -> bool:
    """Whether an entry of a list or a frame stands for a missing value: None, NaN, or pandas' NA and NaT."""
    is_nan = isinstance(value, float | np.floating) and math.isnan(value)
    return value is None or is_nan or type(value).__name__ in ("NAType", "NaTType")


def _array(y: Any, where: str) -> NDArray[Any]:
    if hasattr(y, "detach"):
        y = y.detach().cpu()
        # numpy has no bfloat16
        y = (y.float() if y.is_floating_point() and y.itemsize < 4 else y).numpy()
    try:
        labels = np.asarray(y)
        if labels.dtype.kind == "U" and isinstance(y, list | tuple):
            # numpy would convert a missing value to the string "nan"
            labels = np.asarray(y, dtype=object)
    except (TypeError, ValueError, RuntimeError) as error:
        expected = f"one label for each sample ({error})"
        raise DataError(f"labels of type {type(y).__name__}", expected, where) from error
    return labels


def _one_hot_index(labels: NDArray[Any], where: str) -> NDArray[np.int64]:
    is_one = labels == 1
    if not ((is_one | (labels == 0)).all() and (is_one.sum(axis=1) == 1).all()):
        given = f"labels of shape {labels.shape} that are not one-hot"
        expected = (
            "a single column of labels, or rows of zeros with a single 1 (one class a sample)"
        )
        raise DataError(given, expected, where)
    return np.asarray(is_one.argmax(axis=1), dtype=np.int64)


def _classes_only(labels: NDArray[Any], where: str, place: str) -> NDArray[Any]:
    """Checks and converts labels of any type; ``place`` names them."""
    if labels.dtype.kind == "S":
        return np.char.decode(labels, "utf-8", "replace")
    if labels.dtype.kind == "O":
        missing = sum(map(is_missing, labels))
        if missing:
            raise DataError(missing_values(missing, place), LABEL_EACH, where)
        kinds = {type(label) for label in labels}
        is_text = all(issubclass(kind, str) for kind in kinds)
        # an array of mixed types would turn numbers into strings
        labels = labels.astype(np.str_) if is_text else np.asarray(labels.tolist())
        if not is_text and labels.dtype.kind in "US":
            names = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise DataError(f"labels of types {names}", "labels of one type", where)
    if labels.dtype.kind == "f":
        if not np.isfinite(labels).all():
            missing = int(np.isnan(labels).sum())
            given = missing_values(missing, place) if missing else f"infinite values in {place}"
            raise DataError(given, LABEL_EACH, where)
        fractional = labels[labels != np.floor(labels)]
        if len(fractional):
            expected = "whole numbers or strings, the classes (not targets of a regression)"
            raise DataError(f"label {fractional[0]}", expected, where)
        if len(labels) and np.abs(labels).max() >= 2.0**63:
            raise DataError(f"label {np.abs(labels).max():g}", "labels that int64 can hold", where)
        return labels.astype(np.int64)
    if labels.dtype.kind not in "biuU":
        raise DataError(f"labels of type {labels.dtype}", "integers or strings", where)
    return labels


def find_classes(labels: NDArray[Any], where: str) -> tuple[Class, ...]:
    """Returns the distinct labels in ascending order.

    Raises:
        DataError: If more than half as many labels as samples are distinct.
    """
    classes: list[Class] = np.unique(labels).tolist()
    if len(classes) > max(2, MAX_CLASS_SHARE * len(labels)):
        given = f"{len(classes)} distinct labels of {len(labels)} samples"
        raise DataError(given, NOT_CLASSES, where)
    return tuple(classes)


def class_index(labels: NDArray[Any], classes: Sequence[Class], where: str) -> NDArray[np.int64]:
    """Returns the index of each label among the classes; whole numbers index classes that are strings.

    Raises:
        DataError: If a label is none of the classes.
    """
    if labels.dtype.kind in "biu" and all(isinstance(name, str) for name in classes):
        classes = range(len(classes))
    indices = {label: index for index, label in enumerate(classes)}
    distinct, inverse = np.unique(labels, return_inverse=True)
    unknown = [label for label in distinct.tolist() if label not in indices]
    if unknown:
        names = ", ".join(map(repr, classes[:SHOWN])) + ", ..." * (len(classes) > SHOWN)
        raise DataError(f"label {unknown[0]!r}", f"one of the classes {names}", where)
    return np.array([indices[label] for label in distinct.tolist()], dtype=np.int64)[inverse]
