"""Columns of a file by their names or positions: parts of a table, or of the arrays of an npz archive."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ibtrain.data.mapped import map_archive
from ibtrain.data.tables import TABLE_ENDINGS, read_table
from ibtrain.errors import DataError

if TYPE_CHECKING:
    import pandas

__all__ = ["read_columns", "read_frame", "select_columns"]

ALIASES = {"x": "x_train", "y": "y_train"}
"""Other names of the arrays in an npz archive."""
OUTER_COMMA = re.compile(r",(?![^\[]*\])")
"""A comma that is not within square brackets."""
PART_OF_ARRAY = re.compile(r"(?P<key>.*?)\s*\[\s*:\s*,(?P<columns>[^\]]*)\]", re.DOTALL)
RANGE = re.compile(r"\s*(?P<start>-?\d{1,9})?\s*:\s*(?P<stop>-?\d{1,9})?\s*")
POSITION = re.compile(r"\s*-?\d{1,9}\s*")


def read_columns(path: Path, choices: Sequence[str]) -> list[Any]:
    """Reads the columns of each choice.

    In a table (:func:`~ibtrain.data.tables.read_table`), a choice is a name, several names with commas between
    them, or positions ``0:3`` (as in Python, without the last one). In an npz archive, it is the name of an array, or
    some of its columns, ``features[:, 0:3]``, or several of these with commas between them; an array that is
    chosen as a whole stays a memory map.

    Args:
        path: The file.
        choices: The choices.

    Returns:
        For each choice a data frame, or an array with a row for each sample.

    Raises:
        DataError: If the file can't be read, or has no such columns.
    """
    if path.suffix.lower() in TABLE_ENDINGS:
        table = read_table(path)
        return [select_columns(table, choice, str(path)) for choice in choices]
    if path.suffix.lower() not in ("", ".npz"):
        expected = f"a file that ends in .npz, {', '.join(TABLE_ENDINGS)}"
        raise DataError(repr(path.suffix), expected, str(path))
    parts = {
        choice: [_part(text, str(path)) for text in OUTER_COMMA.split(choice)] for choice in choices
    }
    keys = list(dict.fromkeys(key for several in parts.values() for key, _ in several))
    arrays = map_archive(path, keys, aliases=ALIASES)
    return [
        _joined(
            [_columns_of(arrays[key], columns, f"{path}: {key}") for key, columns in parts[choice]],
            f"{path}: {choice}",
        )
        for choice in choices
    ]


def read_frame(path: Path, choices: Sequence[str] = ()) -> "pandas.DataFrame":
    """Reads the columns of all choices, of :func:`read_columns`, as one data frame.

    Args:
        path: The file.
        choices: The choices; none are all columns of a table, or of the array ``x`` of an archive.

    Raises:
        DataError: If the file can't be read, or has no such columns.
    """
    import pandas as pd

    if path.suffix.lower() in TABLE_ENDINGS:
        table = read_table(path)
        return select_columns(table, ",".join(choices), str(path)) if choices else table
    choice = ",".join(choices or ("x",))
    (array,) = read_columns(path, [choice])
    if array.ndim != 2:
        given = f"an array of shape {array.shape}"
        raise DataError(given, "an array of rows and columns", f"{path}: {choice}")
    return pd.DataFrame(array, columns=[str(index) for index in range(array.shape[1])])


def select_columns(table: "pandas.DataFrame", choice: str, where: str) -> "pandas.DataFrame":
    """Returns the columns of a table that a choice names, in its order.

    Args:
        table: The table.
        choice: A name, several names with commas between them, or positions ``0:3``.
        where: The table, for error messages.

    Raises:
        DataError: If the table has no such column.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"a": [1, 2], "b": [3, 4], "c": [5, 6]})
        >>> [list(select_columns(table, choice, "table")) for choice in ("b", "c,a", "0:2")]
        [['b'], ['c', 'a'], ['a', 'b']]
    """
    names = list(table.columns)
    if choice in names:
        return table[[choice]]
    chosen: list[str] = []
    for text in choice.split(","):
        part = text.strip()
        if part in names:
            chosen.append(part)
        elif RANGE.fullmatch(part):
            chosen += _sliced(names, part, where)
        else:
            expected = f"a column {part!r} (choose others with --x and --y)"
            raise DataError(f"columns {', '.join(map(str, names))}", expected, where)
    repeated = next((name for name in chosen if chosen.count(name) > 1), None)
    if repeated is not None:
        raise DataError(f"column {repeated!r} twice in {choice!r}", "each column once", where)
    return table[chosen]


def _part(text: str, where: str) -> tuple[str, str]:
    """The name of an array, and which of its columns, empty for all."""
    match = PART_OF_ARRAY.fullmatch(text.strip())
    if match is None and text.strip().endswith("]"):
        expected = "the name of an array, or some of its columns, such as 'x[:, 0:3]'"
        raise DataError(repr(text), expected, where)
    return (text.strip(), "") if match is None else (match["key"], match["columns"].strip())


def _sliced(items: Sequence[Any], text: str, where: str) -> list[Any]:
    """The items at positions such as ``0:3`` or ``2``.

    Raises:
        DataError: If the text is another one, or if there is no such position.
    """
    if match := RANGE.fullmatch(text):
        start, stop = (int(end) if end else None for end in (match["start"], match["stop"]))
        chosen = list(items[start:stop])
    elif POSITION.fullmatch(text):
        chosen = list(items[int(text) :][:1]) if -len(items) <= int(text) < len(items) else []
    else:
        raise DataError(f"columns {text!r}", "a range such as 0:3, or a position", where)
    if not chosen:
        raise DataError(f"columns {text}", f"some of its {len(items)} columns", where)
    return chosen


def _columns_of(array: NDArray[Any], columns: str, where: str) -> NDArray[Any]:
    if not columns:
        return array
    if array.ndim != 2:
        expected = "an array of rows and columns"
        raise DataError(f"columns {columns} of an array of shape {array.shape}", expected, where)
    return array[:, _sliced(range(array.shape[1]), columns, where)]


def _joined(arrays: list[NDArray[Any]], where: str) -> NDArray[Any]:
    """The columns of all arrays, side by side."""
    if len(arrays) == 1:
        return arrays[0]
    counts = [len(array) if array.ndim else 0 for array in arrays]
    if len(set(counts)) > 1 or not counts[0]:
        raise DataError(f"arrays of {counts} rows", "as many rows in each", where)
    if len({array.dtype.kind in "US" for array in arrays}) > 1:
        raise DataError("numbers and strings side by side", "columns of numbers", where)
    return np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)
