"""Data sets in the rows of a CSV or Parquet file."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from torch import Tensor

from ibtrain.backend.mapped import is_large
from ibtrain.data.arrays import take_target
from ibtrain.data.labels import read_labels
from ibtrain.data.raw import RawData, raw_data
from ibtrain.data.rows import join_samples
from ibtrain.data.samples import as_tensor, column_names, read_samples
from ibtrain.data.tables import parquet_shape, read_table, read_table_parts
from ibtrain.errors import DataError

if TYPE_CHECKING:
    import pandas

__all__ = ["read_rows"]

BYTES_PER_VALUE = 8
"""Of a number in float64."""
TARGETS = ("y", "target", "label", "class")
"""Usual names of the column of labels, in lower case."""


def read_rows(path: Path, target: str | None = None) -> RawData:
    """Reads a row for each sample: a column of labels, and columns of numbers; a fixed fifth is the test split.

    A Parquet file may be larger than memory: it is read part by part into a temporary file.

    Args:
        path: A file whose name ends in ``.csv``, ``.tsv`` or ``.parquet``.
        target: Name of the column of labels; None is the only column called y, target, label or class.

    Raises:
        DataError: If there is no such column, or if values are missing or are not numbers.
    """
    num_rows, num_columns = parquet_shape(path)
    if is_large(num_rows * num_columns * BYTES_PER_VALUE):
        return _joined_parts(path, target, num_rows)
    table = read_table(path)
    x, y = take_target(table, target or _usual_target(table, path), str(path))
    return raw_data(read_samples(x, str(path)), y, str(path), columns=column_names(x))


def _joined_parts(path: Path, target: str | None, num_rows: int) -> RawData:
    columns: tuple[str, ...] = ()

    def parts() -> Iterator[tuple[Tensor, NDArray[Any]]]:
        nonlocal columns
        row = 0
        for part in read_table_parts(path):
            where = f"{path}: rows {row} to {row + len(part) - 1}, here counted from 0"
            x, y = take_target(part, target or _usual_target(part, path), str(path))
            columns = column_names(x)
            labels = read_labels(y, where)
            yield as_tensor(read_samples(x, where)), labels
            row += len(part)

    samples, labels = join_samples(parts(), str(path), num_rows)
    return raw_data(samples.numpy(), labels, str(path), columns=columns)


def _usual_target(table: "pandas.DataFrame", path: Path) -> str:
    columns = column_names(table)
    usual = [column for column in columns if column.lower() in TARGETS]
    if len(usual) != 1:
        given = f"columns {', '.join(columns)}"
        expected = f"one column called {', '.join(TARGETS)}, or --target COLUMN (target=COLUMN)"
        raise DataError(given, expected, str(path))
    return usual[0]
