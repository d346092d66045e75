"""Reads tables: CSV files, whatever separates their values, and Parquet files."""

import csv
import io
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ibtrain.backend.memory import check_memory
from ibtrain.data.archives import check_regular, read_errors
from ibtrain.errors import DataError, UnreadableError, warn

if TYPE_CHECKING:
    import pandas

__all__ = ["TABLE_ENDINGS", "read_table"]

HEAD_CHARACTERS = 1 << 16
"""Number of characters at the start of a CSV file from which its layout is read."""
SEPARATORS = "\t;,"
"""Possible separators; the comma is last, because next to a semicolon it is a decimal comma."""
MISSING = {"", "na", "n/a", "nan", "null", "none"}
"""Words for a missing value, in lower case."""
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(e[+-]?\d+)?", re.IGNORECASE)
# pyarrow raises NotImplementedError for features that it lacks, OverflowError for sizes that can't be
READ_ERRORS = (
    ArithmeticError, EOFError, LookupError, MemoryError, NotImplementedError, OSError, RuntimeError, TypeError, ValueError,
    csv.Error,
)  # fmt: skip
"""Exceptions of pandas, pyarrow and csv for a file that is broken, or that can't be read now."""


def read_table(path: Path) -> "pandas.DataFrame":
    """Reads a table from a file whose name ends in ``.csv``, ``.tsv`` or ``.parquet``.

    In a CSV file (UTF-8) values are separated by commas, semicolons or tabs, whichever the first lines agree on, and
    beside semicolons numbers may have a decimal comma. The first row holds the names of the columns. If it holds
    numbers and nothing says that it is a header, it is kept as a sample: columns are then named ``0``, ``1``, ..., with
    a warning. A first column without a name (the index of a data frame) becomes the index.

    Args:
        path: The file.

    Returns:
        The table, a row for each sample, whose columns have distinct names (strings).

    Raises:
        DataError: If the ending is another one, if the file is empty or broken, if two columns have one name, or if
            pyarrow, which reads Parquet, is not installed.
        UnreadableError: If the file is missing, can't be read now, or is larger than memory.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "data.csv")
        ...     _ = file.write_text("height;colour\\n1,5;red\\n2,0;blue\\n")
        ...     read_table(file).to_dict("list")
        {'height': [1.5, 2.0], 'colour': ['red', 'blue']}
    """
    ending = path.suffix.lower()
    if ending not in _READERS:
        raise DataError(repr(path.suffix), f"a file that ends in {_ENDINGS}", str(path))
    kind, contents, read = _READERS[ending]
    with read_errors(path, f"a {kind} file", contents, READ_ERRORS):
        check_regular(path, f"a {kind} file")
        size = path.stat().st_size
        if size == 0:
            raise DataError("an empty file", f"a {kind} file", str(path))
        check_memory(size, "a file", UnreadableError, str(path))
        table = read(path)
        table.columns = table.columns.map(str)
        _check_names(table.columns.tolist(), str(path))
        if table.shape[0] == 0 or table.shape[1] == 0:
            given = f"a table of {table.shape[0]} rows and {table.shape[1]} columns"
            raise DataError(given, "a row for each sample", str(path))
        return table


@dataclass(frozen=True)
class Layout:
    """How the values of a CSV file are written.

    Args:
        separator: Character between values.
        decimal: Character in front of decimals.
        first_row: Values of the first row, which are names or, without a header, a sample.
        has_header: Whether the first row is a header.
    """

    separator: str
    decimal: str
    first_row: list[str]
    has_header: bool


def _read_csv(path: Path) -> "pandas.DataFrame":
    import pandas as pd

    with open(path, encoding="utf-8-sig", newline="") as file:
        layout = _layout(file.read(HEAD_CHARACTERS))
    if not layout.has_header:
        warn(_headless(layout.first_row, path))
    names: Sequence[str] = [str(index) for index in range(len(layout.first_row))]
    if layout.has_header:
        names = [name.strip() for name in layout.first_row]
        _check_names(names, str(path))
    with warnings.catch_warnings():
        # pandas would drop values of rows that are longer than the header
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            table = pd.read_csv(
                path,
                sep=layout.separator,
                decimal=layout.decimal,
                header=0 if layout.has_header else None,
                names=names,
                index_col=False,
                skipinitialspace=True,
                encoding="utf-8-sig",
                low_memory=False,
            )
        except pd.errors.ParserWarning as error:
            expected = f"{len(names)} values, as in the first row"
            raise DataError("a row with more values", expected, str(path)) from error
    return table.set_index(names[0]) if len(names) > 1 and not names[0] else table


def _read_parquet(path: Path) -> "pandas.DataFrame":
    try:
        from pyarrow import parquet
    except ImportError as error:
        given = "a Parquet file, which needs pyarrow"
        expected = "pyarrow to be installed (pip install 'ibtrain[parquet]'), or a CSV file"
        raise DataError(given, expected, str(path)) from error
    with parquet.ParquetFile(path) as file:
        groups = (file.metadata.row_group(index) for index in range(file.metadata.num_row_groups))
        size = sum(group.total_byte_size for group in groups)
        check_memory(size, "a table", UnreadableError, str(path))
        table: pandas.DataFrame = file.read().to_pandas()
    return table


_CSV = ("CSV", "in UTF-8, with a row for each sample", _read_csv)
_READERS: dict[str, tuple[str, str, Callable[[Path], Any]]] = {
    ".csv": _CSV,
    ".tsv": _CSV,
    ".parquet": ("Parquet", "with a row for each sample", _read_parquet),
}
TABLE_ENDINGS = tuple(_READERS)
"""Endings of the files that :func:`read_table` reads, in lower case."""
_ENDINGS = f"{', '.join(TABLE_ENDINGS[:-1])} or {TABLE_ENDINGS[-1]}"


def _layout(head: str) -> Layout:
    """Finds the layout of a CSV file from its first characters.

    Raises:
        ValueError: If there is no row.
    """
    rows_by = {separator: _rows(head, separator) for separator in SEPARATORS}
    separator = next((s for s in SEPARATORS if _is_regular_table(rows_by[s])), None)
    if separator is None:
        # rows of different lengths, which pandas reports, or a single column
        separator = max(",;\t", key=lambda s: len(rows_by[s][0]) if rows_by[s] else 0)
    rows = rows_by[separator]
    if not rows:
        raise ValueError("it holds no row")
    values = [value for row in rows for value in row]
    has_comma = separator != "," and any(DECIMAL_COMMA.fullmatch(value) for value in values)
    return Layout(separator, "," if has_comma else ".", rows[0], _has_header(rows))


def _rows(head: str, separator: str) -> list[list[str]]:
    """The complete rows of the first characters of a file."""
    reader = csv.reader(io.StringIO(head), delimiter=separator, skipinitialspace=True)
    rows = [row for row in reader if row]
    is_cut = len(head) == HEAD_CHARACTERS and len(rows) > 1
    return rows[:-1] if is_cut else rows


def _is_regular_table(rows: list[list[str]]) -> bool:
    return bool(rows) and len(rows[0]) > 1 and all(len(row) == len(rows[0]) for row in rows)


def _has_header(rows: list[list[str]]) -> bool:
    """Whether the first row holds names.

    It does if one of its values is a word above numbers, if it has no numbers, or if it counts the columns, as for a
    data frame without names.
    """
    first = [value.strip() for value in rows[0]]
    numbers = [value for value in first if _is_number(value)]
    if not numbers or first == [str(index) for index in range(len(first))]:
        return True
    named = (
        index
        for index, value in enumerate(first)
        if not _is_number(value) and not _is_missing(value)
    )
    if any(_is_numeric([row[index] for row in rows[1:] if index < len(row)]) for index in named):
        return True
    # a first column without a name is an index, and the names of the others may be numbers
    return not first[0] and len(rows) > 1 and not _is_missing(rows[1][0])


def _is_numeric(column: list[str]) -> bool:
    given = [value for value in column if not _is_missing(value)]
    return bool(given) and all(map(_is_number, given))


def _is_missing(value: str) -> bool:
    return value.strip().lower() in MISSING


def _is_number(value: str) -> bool:
    if _is_missing(value):
        return False
    try:
        float(value.strip().replace(",", "."))
    except ValueError:
        return False
    return True


def _headless(first_row: list[str], path: Path) -> str:
    shown = ", ".join(first_row[:4]) + ", ..." * (len(first_row) > 4)
    last = len(first_row) - 1
    names = "0" if last == 0 else "0 and 1" if last == 1 else f"0 to {last}"
    return f"{path}: the first row ({shown}) holds values and is read as a sample; columns are named {names}"


def _check_names(names: Sequence[str], where: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"two columns named {name!r}", "distinct names", where)
        seen.add(name)
