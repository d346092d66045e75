"""Layout of tables and footnotes as text of a limited width."""

from collections.abc import Sequence
from itertools import chain
from textwrap import wrap

from ibtrain.text import abridged, printable

__all__ = ["blocks", "filled", "table", "wrapped"]

GAP = 2
"""Number of spaces between columns."""
MAX_CELL_LENGTH = 1000
"""Maximum number of characters in a cell."""


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table whose first row is its heading.

    Args:
        rows: The cells, by row.
    """
    rows = [[_cell(text) for text in row] for row in rows]
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = [
        (" " * GAP)
        .join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        .rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def blocks(
    names: Sequence[Sequence[str]], groups: Sequence[Sequence[Sequence[str]]], width: int
) -> list[str]:
    """Tables with the same first columns; together they have all groups of columns, and none is too wide.

    A group is split only if it is too wide by itself.

    Args:
        names: The first columns; each begins with its heading.
        groups: The other columns, in groups.
        width: Largest number of characters in a line, except if a single column has more.
    """
    room = width - sum(GAP + _width(column) for column in names)
    parts: list[list[Sequence[str]]] = [[]]
    for group in groups:
        fits = _total([*parts[-1], *group]) <= room
        if parts[-1] and not fits:
            parts.append([])
        for column in group:
            if parts[-1] and _total([*parts[-1], column]) > room:
                parts.append([])
            parts[-1].append(column)
    return [table(list(zip(*names, *part, strict=True))) for part in parts if part]


def wrapped(text: str, width: int) -> list[str]:
    """A sentence in lines.

    Args:
        text: The sentence.
        width: Largest number of characters in a line.
    """
    return wrap(printable(text), width, break_on_hyphens=False)


def filled(pieces: Sequence[str], width: int) -> str:
    """Pieces of text with semicolons between them, in lines that end with a piece where that is possible.

    Args:
        pieces: The pieces.
        width: Largest number of characters in a line.
    """
    words = [f"{printable(piece)};" for piece in pieces[:-1]] + [printable(pieces[-1])]
    lines = [""]
    for piece in chain.from_iterable(wrap(word, width, break_on_hyphens=False) for word in words):
        joined = f"{lines[-1]} {piece}".strip()
        if len(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(piece)
    return "\n".join(lines)


def _width(column: Sequence[str]) -> int:
    return max(len(_cell(text)) for text in column)


def _total(columns: Sequence[Sequence[str]]) -> int:
    return sum(_width(column) for column in columns) + GAP * (len(columns) - 1)


def _cell(text: str) -> str:
    """A printable text of limited length."""
    return printable(abridged(text, MAX_CELL_LENGTH))
