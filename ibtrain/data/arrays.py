"""Data sets from arrays, tensors, lists and data frames."""

from typing import Any

import torch

from ibtrain.data.dataset import Dataset
from ibtrain.data.labels import Class
from ibtrain.data.raw import raw_data, to_dataset
from ibtrain.data.samples import column_names, read_samples, select_columns
from ibtrain.errors import DataError
from ibtrain.text import hint

__all__ = ["from_arrays", "from_frame", "take_target"]


def from_arrays(
    x: Any,
    y: Any,
    test: tuple[Any, Any] | None = None,
    *,
    name: str = "arrays",
    classes: tuple[Class, ...] = (),
    validation: float = 0.0,
    standardise: bool = True,
    seed: int = 0,
    device: str | torch.device = "cpu",
) -> Dataset:
    """Makes a data set of samples and labels; :meth:`Dataset.from_arrays` describes the arguments."""
    columns = column_names(x)
    pair = None
    if test is not None:
        if not isinstance(test, tuple | list) or len(test) != 2:
            expected = "a pair (x, y) of samples and labels"
            raise DataError(f"a {type(test).__name__}", expected, f"{name}: test")
        x_test = select_columns(test[0], columns, f"{name}: test x")
        pair = read_samples(x_test, f"{name}: test x"), test[1]
    samples = read_samples(x, f"{name}: x")
    test_where = f"{name}: test"
    data = to_dataset(
        name,
        raw_data(
            samples,
            y,
            name,
            test=pair,
            test_where=test_where,
            classes=tuple(classes),
            columns=columns,
        ),
    )
    if validation:
        data = data.hold_out(validation, seed)
    data = data.standardised() if standardise else data
    return data.to(torch.device(device))


def from_frame(
    frame: Any, target: str, test: Any | None = None, *, name: str = "frame", **options: Any
) -> Dataset:
    """Makes a data set of a data frame; :meth:`Dataset.from_frame` describes the arguments."""
    pair = take_target(frame, target, name)
    test_pair = None if test is None else take_target(test, target, f"{name}: test")
    return from_arrays(*pair, test=test_pair, name=name, **options)


def take_target(frame: Any, target: str, where: str) -> tuple[Any, Any]:
    """Splits a frame into samples and labels.

    Raises:
        DataError: If it is no frame, or has no such column.
    """
    columns = column_names(frame)
    if not columns:
        expected = "a data frame; Dataset.from_arrays(x, y) takes arrays"
        raise DataError(f"a {type(frame).__name__}", expected, where)
    if columns.count(target) != 1:
        expected = f"one of the columns {', '.join(columns)}, which no other has as its name"
        expected += "" if target in columns else hint(target, columns)
        encoded = [name for name in columns if name.startswith(f"{target}_")]
        if target not in columns and encoded and frame[encoded].isin([0, 1]).all(axis=None):
            expected = (
                f"a column of labels, of which pandas.get_dummies has made {', '.join(encoded)}: "
                f"encode other columns only (its argument columns=), and leave {target!r} as it is"
            )
        raise DataError(repr(target), expected, f"{where}: target")
    return frame.drop(columns=target), frame[target]
