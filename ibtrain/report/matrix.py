"""A matrix of mutual information as text and as a picture."""

import math
import textwrap
from collections.abc import Iterator

from ibtrain.mi.matrix import MIMatrix
from ibtrain.mi.result import FLAGS
from ibtrain.report.mpl import Figure
from ibtrain.report.style import new_figure, styled
from ibtrain.report.text import blocks
from ibtrain.text import abridged, printable

__all__ = ["matrix_figure", "matrix_table"]

MAX_NAME_LENGTH = 20
MAX_ANNOTATED = 12
"""Largest number of columns whose values are written into the picture."""
MAX_NAMED = 6
"""Largest number of pairs with a flag that are named, rather than counted."""


def matrix_table(matrix: MIMatrix, width: int = 80) -> str:
    """The values in rows and columns, with an explanation of each flag and each error.

    Args:
        matrix: The estimates.
        width: Largest number of characters in a line; a wider table is split into several.
    """
    short = {name: abridged(name, MAX_NAME_LENGTH) for name in matrix.columns}
    columns = [
        [short[column], *(_cell(matrix, row, column) for row in matrix.columns)]
        for column in matrix.columns
    ]
    rows = [["", *short.values()]]
    tables = blocks(rows, [[column] for column in columns], width)
    title = f"mutual information, {matrix.method}, in {matrix.unit}"
    if any(first == second for first, second in matrix.cells):
        title += "; diagonal: entropy of classes"
    notes = "\n".join(
        textwrap.fill(printable(note), width, subsequent_indent="  ", break_on_hyphens=False)
        for note in (*_errors(matrix), *_flags(matrix))
    )
    return "\n\n".join([title, *tables, *([notes] if notes else [])])


def _cell(matrix: MIMatrix, row: str, column: str) -> str:
    for pair in ((row, column), (column, row)):
        if pair in matrix.errors:
            return "!"
        if pair in matrix.cells:
            cell = matrix.cells[pair]
            mark = "*" * bool(cell.flags)
            if "deterministic" in cell.flags:
                return f"inf{mark}"
            return f">{cell.interval[0]:.3f}{mark}" if cell.is_saturated else f"{cell.mi:.3f}{mark}"
    return ""


def _errors(matrix: MIMatrix) -> Iterator[str]:
    unreadable = {x for x, y in matrix.errors if x == y}
    for (x, y), message in matrix.errors.items():
        if x == y:
            yield f"! {message}"
        elif not unreadable & {x, y}:
            yield f"! {x} - {y}: {message}"


def _flags(matrix: MIMatrix) -> Iterator[str]:
    for flag in dict.fromkeys(flag for cell in matrix.cells.values() for flag in cell.flags):
        flagged = [pair for pair, cell in matrix.cells.items() if flag in cell.flags]
        columns = [x for x, y in flagged if x == y]
        pairs = [f"{x} - {y}" for x, y in flagged if x != y]
        count = len(matrix.columns)
        which = (
            *_named(columns, f"{count} columns"),
            *_named(pairs, f"{math.comb(count, 2)} pairs"),
        )
        yield f"* {flag} ({', '.join(which)}): {FLAGS[flag]}"


def _named(names: list[str], total: str) -> list[str]:
    return names if len(names) <= MAX_NAMED else [f"{len(names)} of {total}"]


@styled
def matrix_figure(matrix: MIMatrix) -> Figure:
    """Draws the values as a heat map; the diagonal, where entropies have another scale, stays empty.

    Values are marked as in the table: with a star if they have a flag.

    Args:
        matrix: The estimates.
    """
    count = len(matrix.columns)
    figure, axes = new_figure(1, 1, 5.0)
    axis = axes[0, 0]
    axis.grid(visible=False)
    values = matrix.to_frame().to_numpy(copy=True)
    for index in range(count):
        values[index, index] = math.nan
    largest = max((v for v in values.flat if math.isfinite(v)), default=0.0)
    image = axis.imshow(values, vmin=0, vmax=largest or 1.0, cmap="viridis")
    names = [abridged(name, MAX_NAME_LENGTH) for name in matrix.columns]
    axis.set_xticks(range(count), names, rotation=90)
    axis.set_yticks(range(count), names)
    for row in range(count if count <= MAX_ANNOTATED else 0):
        for column in range(count):
            value = values[row, column]
            if math.isfinite(value):
                colour = "black" if value > 0.6 * largest else "white"
                text = _cell(matrix, matrix.columns[row], matrix.columns[column])
                axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=7)
    if any(cell.flags for (first, second), cell in matrix.cells.items() if first != second):
        figure.supxlabel("* flagged: the table says why", fontsize=7, x=0.01, ha="left")
    figure.colorbar(image, label=f"mutual information, {matrix.method}  [{matrix.unit}]")
    return figure
