"""HTML of tables and flags that works in light and dark themes: it has no colours of its own but those of warnings."""

import base64
from collections.abc import Iterable, Sequence
from html import escape

from ibtrain.mi.result import FLAGS
from ibtrain.text import abridged, printable

__all__ = ["explained_flags", "note", "picture", "section", "table_html", "text"]

MAX_CELL_LENGTH = 200
"""Maximum number of characters in a cell."""
WARNING = "⚠ "
_CELL = "text-align: left; padding: 0.2em 0.8em 0.2em 0; white-space: nowrap"


def text(value: str, longest: int = MAX_CELL_LENGTH) -> str:
    """Printable text of limited length, in which no character is read as HTML."""
    return escape(printable(abridged(value, longest)))


def table_html(rows: Sequence[Sequence[str]]) -> str:
    """A table whose first row is its heading.

    Args:
        rows: The cells as plain text, by row.
    """
    head, *body = (
        "".join(f'<{tag} style="{_CELL}">{text(cell)}</{tag}>' for cell in row)
        for row, tag in zip(rows, ("th", *["td"] * (len(rows) - 1)), strict=True)
    )
    lines = "".join(f"<tr>{row}</tr>" for row in body)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
    return f'<div style="overflow-x: auto">{table}</div>'


def note(line: str, *, is_warning: bool = False) -> str:
    """A line of small text."""
    mark = WARNING if is_warning else ""
    return f'<div style="font-size: 90%">{mark}{text(line, 1000)}</div>'


def explained_flags(flags: Iterable[str]) -> str:
    """A line for each flag, with what it means; a flag of a newer version has its name alone."""
    return "".join(
        note(f"{flag}: {FLAGS[flag]}" if flag in FLAGS else flag, is_warning=True)
        for flag in dict.fromkeys(flags)
    )


def picture(png: bytes, description: str) -> str:
    """A picture as a part of the page."""
    data = base64.b64encode(png).decode()
    style = "max-width: 100%; width: 50em"
    return f'<img style="{style}" alt="{text(description)}" src="data:image/png;base64,{data}">'


def section(title: str, *parts: str) -> str:
    """Parts below a title in bold."""
    return f"<div><b>{text(title)}</b>{''.join(parts)}</div>"
