"""Finds how the values of a CSV file are written, from its first lines."""

import csv
import io
import re
from dataclasses import dataclass

__all__ = ["HEAD_CHARACTERS", "Layout", "find_layout"]

HEAD_CHARACTERS = 1 << 16
"""Number of characters at the start of a CSV file from which its layout is read."""
SEPARATORS = "\t;,"
"""Possible separators; the comma is last, because next to a semicolon it is a decimal comma."""
MISSING = {"", "na", "n/a", "nan", "null", "none"}
"""Words for a missing value, in lower case."""
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(e[+-]?\d+)?", re.IGNORECASE)


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


def find_layout(head: str) -> Layout:
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
