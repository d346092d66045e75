"""Reads tables: CSV files, whatever separates their values, and Parquet files."""

import csv
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ibtrain.backend.memory import check_memory
from ibtrain.data.archives import check_regular, read_errors
from ibtrain.data.csv_layout import HEAD_CHARACTERS, find_layout
from ibtrain.errors import DataError, UnreadableError, warn
from ibtrain.io.documents import is_regular

if TYPE_CHECKING:
    import pandas

__all__ = ["TABLE_ENDINGS", "parquet_shape", "read_table", "read_table_parts"]

PART_VALUES = 1 << 21
"""Number of values of a part of a table."""
READ_BYTES = 1 << 16
"""Number of bytes of a column that are read from a Parquet file at once."""
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
        table = _with_names(read(path), path)
        if table.shape[0] == 0 or table.shape[1] == 0:
            given = f"a table of {table.shape[0]} rows and {table.shape[1]} columns"
            raise DataError(given, "a row for each sample", str(path))
        return table


def _read_csv(path: Path) -> "pandas.DataFrame":
    import pandas as pd

    with open(path, encoding="utf-8-sig", newline="") as file:
        layout = find_layout(file.read(HEAD_CHARACTERS))
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
    with _open_parquet(path) as file:
        groups = (file.metadata.row_group(index) for index in range(file.metadata.num_row_groups))
        size = sum(group.total_byte_size for group in groups)
        check_memory(size, "a table", UnreadableError, str(path))
        table: pandas.DataFrame = file.read().to_pandas()
    return table


def _open_parquet(path: Path) -> Any:
    try:
        from pyarrow import parquet
    except ImportError as error:
        given = "a Parquet file, which needs pyarrow"
        expected = "pyarrow to be installed (pip install 'ibtrain[parquet]'), or a CSV file"
        raise DataError(given, expected, str(path)) from error
    # by default all columns of a group of rows, often a million, would be read at once
    return parquet.ParquetFile(path, pre_buffer=False, buffer_size=READ_BYTES)


def parquet_shape(path: Path) -> tuple[int, int]:
    """The numbers of rows and of columns of plain values in a Parquet file; zeros for anything else, of which :func:`read_table`
    tells what it is."""
    with suppress(DataError, *READ_ERRORS):
        if path.suffix.lower() == ".parquet" and is_regular(path):
            with _open_parquet(path) as file:
                return file.metadata.num_rows, file.metadata.num_columns
    return 0, 0


def read_table_parts(path: Path) -> Iterator["pandas.DataFrame"]:
    """Reads a Parquet file, which may be larger than memory, in parts of some rows, in their order.

    Args:
        path: The file.

    Yields:
        A part of the table that :func:`read_table` would return.

    Raises:
        DataError: If the file is broken, if two columns have one name, or if pyarrow is not installed.
        UnreadableError: If the file is missing, or can't be read now.
    """
    kind, contents, _ = _READERS[".parquet"]
    with read_errors(path, f"a {kind} file", contents, READ_ERRORS), _open_parquet(path) as file:
        rows = max(1, PART_VALUES // file.metadata.num_columns)
        for batch in file.iter_batches(batch_size=rows):
            yield _with_names(batch.to_pandas(), path)


def _with_names(table: "pandas.DataFrame", path: Path) -> "pandas.DataFrame":
    """Turns the names of columns into strings, and checks that they are distinct."""
    table.columns = table.columns.map(str)
    _check_names(table.columns.tolist(), str(path))
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
