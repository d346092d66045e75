"""Data sets in the rows of a CSV or Parquet file."""

from pathlib import Path

from ibtrain.data.arrays import take_target
from ibtrain.data.raw import RawData, raw_data
from ibtrain.data.samples import column_names, read_samples
from ibtrain.data.tables import read_table
from ibtrain.errors import DataError

__all__ = ["read_rows"]

TARGETS = ("y", "target", "label", "class")
"""Usual names of the column of labels, in lower case."""


def read_rows(path: Path, target: str | None = None) -> RawData:
    """Reads a row for each sample: a column of labels, and columns of numbers; a fixed fifth is the test split.

    Args:
        path: A file whose name ends in ``.csv``, ``.tsv`` or ``.parquet``.
        target: Name of the column of labels; None is the only column called y, target, label or class.

    Raises:
        DataError: If there is no such column, or if values are missing or are not numbers.
    """
    table = read_table(path)
    columns = column_names(table)
    if target is None:
        usual = [column for column in columns if column.lower() in TARGETS]
        if len(usual) != 1:
            given = f"columns {', '.join(columns)}"
            expected = f"one column called {', '.join(TARGETS)}, or --target COLUMN (target=COLUMN)"
            raise DataError(given, expected, str(path))
        (target,) = usual
    x, y = take_target(table, target, str(path))
    samples = read_samples(x, str(path))
    return raw_data(samples, y, str(path), columns=column_names(x))
