"""Picture of a sweep of two settings: accuracies and differences as heat maps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import numpy as np

from ibtrain.report.arms import accuracy_lines, contrasts, number_of, setting_label, value_of
from ibtrain.report.mpl import Figure
from ibtrain.report.style import FIGURE_WIDTH, FILE_DPI, styled
from ibtrain.runs.comparisons import Comparison
from ibtrain.runs.summary import RunSummary
from ibtrain.text import abridged, setting_text

__all__ = ["heatmap_figure"]

LONGEST_NAME = 18
MAX_MAPS = 12
"""Largest number of maps on a page; further ones are left out, and the picture says so."""
MAX_ANNOTATED = 16
"""Largest number of columns whose values are written into the cells."""
CELL_WIDTH, CELL_HEIGHT = 0.42, 0.26
"""Smallest width of a cell with a value, and height of a row, in inches."""
CHARACTER, TITLE_CHARACTER = 0.065, 0.068
"""Width of a character of a tick, and of a title, in inches."""


@dataclass(frozen=True)
class _Map:
    """The values of a map in percent, and their marks."""

    title: str
    values: np.ndarray[Any, Any]
    is_marked: np.ndarray[Any, Any]
    is_difference: bool


@styled
def heatmap_figure(
    runs: Sequence[RunSummary],
    rows: Sequence[str],
    columns: Sequence[str],
    comparisons: Sequence[Comparison] = (),
    *,
    has_cells: bool = False,
) -> Figure:
    """Draws a map of mean test accuracies for each method, or method of a cell, and of each difference.

    Differences that the verdict calls better or worse have a star.

    Args:
        runs: The runs, which differ only in the two settings, in the methods and in their cell.
        rows: Dotted name of the setting of the rows, or its names for both methods.
        columns: The same of the columns.
        comparisons: Comparisons of cells with each other.
        has_cells: Whether a run's name begins with that of its cell.
    """
    names = [_values(runs, keys) for keys in (rows, columns)]
    labels = [setting_label(keys) for keys in (rows, columns)]
    maps = _maps(runs, (rows, columns), names, comparisons, has_cells)
    shown = maps[:MAX_MAPS]
    kinds = [[m for m in shown if m.is_difference is kind] for kind in (False, True)]
    groups = [group for group in kinds if group]
    layout = _Layout.of(names, [m.title for m in shown])
    figure = Figure(figsize=(FIGURE_WIDTH, 0.3 + layout.height(groups)), dpi=FILE_DPI, layout="constrained")  # fmt: skip
    for part, group in zip(layout.parts(figure, groups), groups, strict=True):
        beside = len(group) if layout.is_one_row(groups) else layout.per_row
        _draw_group(part, group, names, labels, layout, beside)
    notes = ["* better or worse at 5 %, Holm-adjusted"] * any(m.is_marked.any() for m in shown)
    notes += [f"the first {len(shown)} of {len(maps)} maps"] * (len(shown) < len(maps))
    notes += ["– no results"] * any(np.isnan(m.values).any() for m in shown)
    if notes:
        figure.supxlabel("; ".join(notes), fontsize=7)
    return figure


def _values(runs: Sequence[RunSummary], keys: Sequence[str]) -> list[str]:
    """The values of a setting as texts: numbers by size, others in their order."""
    numbers = {setting_text(value_of(run, keys)): number_of(run, keys) for run in runs}
    if all(number is not None for number in numbers.values()):
        return sorted(numbers, key=lambda text: numbers[text] or 0.0)
    return list(numbers)


def _maps(
    runs: Sequence[RunSummary],
    keys: tuple[Sequence[str], Sequence[str]],
    names: Sequence[Sequence[str]],
    comparisons: Sequence[Comparison],
    has_cells: bool,
) -> list[_Map]:
    def empty() -> tuple[Any, Any]:
        shape = len(names[0]), len(names[1])
        return np.full(shape, math.nan), np.zeros(shape, dtype=bool)

    def place(run: RunSummary) -> tuple[int, ...]:
        texts = [setting_text(value_of(run, each)) for each in keys]
        return tuple(names[axis].index(text) for axis, text in enumerate(texts))

    maps = []
    for line in accuracy_lines(runs, has_cells):
        values, marks = empty()
        for run, mean in line.means():
            values[place(run)] = 100 * mean.value
        maps.append(_Map(line.label, values, marks, is_difference=False))
    for contrast in contrasts(runs, comparisons, has_cells):
        values, marks = empty()
        for run, verdict in contrast.pairs:
            values[place(run)] = 100 * verdict.difference.value
            marks[place(run)] = verdict.outcome in ("better", "worse")
        maps.append(_Map(contrast.label, values, marks, is_difference=True))
    return maps


@dataclass(frozen=True)
class _Layout:
    """Number of maps beside each other, the height of one in inches, and whether names of columns are upright."""

    per_row: int
    map_height: float
    is_turned: bool
    title_width: int

    @classmethod
    def of(cls, names: Sequence[Sequence[str]], titles: Sequence[str]) -> "_Layout":
        shown = [[abridged(name, LONGEST_NAME) for name in each] for each in names]
        longest = [max(map(len, each)) for each in shown]

        def cell_width(per_row: int) -> float:
            margin = 0.6 + (0.2 + CHARACTER * longest[0]) / per_row
            return (FIGURE_WIDTH / per_row - margin) / len(names[1])

        fitting = [n for n in range(min(len(titles), 3), 1, -1) if cell_width(n) >= CELL_WIDTH]
        per_row = fitting[0] if fitting else 1
        is_turned = CHARACTER * longest[1] > cell_width(per_row)
        title_width = int(FIGURE_WIDTH / per_row / TITLE_CHARACTER) - 6
        lines = 1 + any(len(title) > title_width for title in titles)
        height = CELL_HEIGHT * len(names[0]) + 0.5 + 0.14 * lines
        height += CHARACTER * longest[1] * is_turned
        return cls(per_row, max(height, 1.3), is_turned, title_width)

    def is_one_row(self, groups: Sequence[Sequence[_Map]]) -> bool:
        return sum(map(len, groups)) <= self.per_row

    def lines(self, group: Sequence[_Map]) -> int:
        return -(-len(group) // self.per_row)

    def height(self, groups: Sequence[Sequence[_Map]]) -> float:
        return self.map_height * (1 if self.is_one_row(groups) else sum(map(self.lines, groups)))

    def parts(self, figure: Figure, groups: Sequence[Sequence[_Map]]) -> Sequence[Any]:
        """A part of the figure for each group, which has a scale of its own."""
        if self.is_one_row(groups):
            ratios = [len(group) + 0.3 for group in groups]
            return list(figure.subfigures(1, len(groups), squeeze=False, width_ratios=ratios).flat)
        ratios = [self.lines(group) for group in groups]
        return list(figure.subfigures(len(groups), 1, squeeze=False, height_ratios=ratios).flat)

    def title(self, text: str) -> str:
        if len(text) <= self.title_width:
            return text
        first, less, second = text.partition(" less ")
        lines = [first, f"{less.strip()} {second}"] if less else wrap(text, self.title_width, max_lines=2)  # fmt: skip
        return "\n".join(abridged(line, self.title_width) for line in lines)


def _draw_group(
    part: Any,
    group: Sequence[_Map],
    names: Sequence[Sequence[str]],
    labels: Sequence[str],
    layout: _Layout,
    columns: int,
) -> None:
    """Draws maps with one scale of colours."""
    finite = [value for m in group for value in m.values.flat if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    is_difference = group[0].is_difference
    if is_difference:
        high = max(abs(low), abs(high)) or 1.0
        low = -high
    axes = part.subplots(layout.lines(group), columns, squeeze=False).flat
    for axis in axes[len(group) :]:
        axis.set_visible(False)
    ticks = [[abridged(name, LONGEST_NAME) for name in each] for each in names]
    image = None
    for index, (axis, m) in enumerate(zip(axes, group, strict=False)):
        axis.grid(visible=False)
        axis.set_facecolor("0.93")
        options = {"vmin": low, "vmax": high, "cmap": "RdBu" if is_difference else "viridis"}
        image = axis.imshow(m.values, aspect="auto", **options)
        is_left = index % columns == 0
        axis.set_xticks(range(len(ticks[1])), ticks[1], rotation=90 * layout.is_turned)
        axis.set_yticks(range(len(ticks[0])), ticks[0] if is_left else [])
        axis.set(xlabel=labels[1], ylabel=labels[0] if is_left else "")
        axis.set_title(layout.title(m.title), fontsize=8)
        if len(names[1]) <= MAX_ANNOTATED:
            _annotate(axis, m, image)
    unit = "difference  [points]" if is_difference else "test accuracy  [%]"
    part.colorbar(image, ax=list(axes[: len(group)]), label=unit, pad=0.02)


def _annotate(axis: Any, m: _Map, image: Any) -> None:
    """Writes the values into the cells, in black or white, whichever is legible."""
    for (row, column), value in np.ndenumerate(m.values):
        if math.isfinite(value):
            red, green, blue, _ = image.cmap(image.norm(value))
            is_dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            text = f"{value:+z.1f}" if m.is_difference else f"{value:.1f}"
            text += "*" * bool(m.is_marked[row, column])
            colour = "white" if is_dark else "black"
        else:
            text, colour = "–", "black"
        axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=6.5)
