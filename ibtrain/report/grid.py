"""Layout of the panels of a plane: rows of measures, each with as many panels beside each other as are legible."""

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from ibtrain.report.mpl import Figure
from ibtrain.report.style import FIGURE_WIDTH
from ibtrain.text import abridged

__all__ = ["Grid", "columns_for"]

HEIGHTS = {1: 2.7, 2: 2.3, 3: 2.0, 4: 1.8}
"""Height of a panel in inches, by the number of panels beside each other."""
TITLE_CHARACTER = 0.078
"""Width of a character of a title, in inches."""
BREAK = ",\x1f "
"""Stands for a comma within a word, after which a line may end."""
MARGIN = 0.5
"""Width of the ticks and labels of a panel, in inches."""


def columns_for(count: int) -> int:
    """Number of panels beside each other.

    Args:
        count: Number of panels of a measure.
    """
    if count <= 4:
        return count
    return 3 if count in (5, 6, 9) else 4


class Grid:
    """A figure with a part for each measure, whose panels are in rows.

    Args:
        names: Titles of the measures.
        titles: Titles of the panels of each measure.
        quantities: Number of axes of a panel, one above the other.
        extra: Height of an additional axis below the measures, in inches.
    """

    def __init__(
        self, names: Sequence[str], titles: Sequence[str], quantities: int, extra: float
    ) -> None:
        self.count = len(titles)
        self.columns = columns_for(self.count)
        self.rows = -(-self.count // self.columns) * quantities
        height = self.rows * HEIGHTS[self.columns] * (0.8 if quantities > 1 else 1) + 0.3
        heights = [*(height for _ in names), *([extra] if extra else [])]
        self.figure = Figure(
            figsize=(FIGURE_WIDTH, sum(heights) + 0.9), dpi=200, layout="constrained"
        )
        parts = self.figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
        self._parts = parts[: len(names)]
        self.extra = parts[-1].subplots() if extra else None
        self._edges: dict[Any, tuple[bool, bool]] = {}
        self.axes = [
            self._fill(part, name, titles, quantities)
            for part, name in zip(self._parts, names, strict=True)
        ]

    def _fill(
        self, part: Any, name: str, titles: Sequence[str], quantities: int
    ) -> list[list[Any]]:
        """The axes of a measure, by quantity and panel."""
        part.suptitle(name, fontsize=8.5, weight="bold", x=0.01, ha="left")
        grid = part.subplots(self.rows, self.columns, squeeze=False)
        length = int((FIGURE_WIDTH / self.columns - MARGIN) / TITLE_CHARACTER)
        axes: list[list[Any]] = [[] for _ in range(quantities)]
        for panel in range(self.rows // quantities * self.columns):
            row, column = divmod(panel, self.columns)
            for quantity in range(quantities):
                axis = grid[row * quantities + quantity, column]
                if panel >= self.count:
                    axis.remove()
                    continue
                if quantity == 0:
                    axis.set_title(_wrapped(titles[panel], length), fontsize=8)
                is_last = quantity == quantities - 1 and panel + self.columns >= self.count
                self._edges[axis] = column == 0, is_last
                axes[quantity].append(axis)
        return axes

    def label(self, axis: Any, x: str, y: str) -> None:
        """Labels an axis where it is at the left or lower edge, and hides its numbers elsewhere."""
        is_left, is_last = self._edges[axis]
        axis.tick_params(labelleft=is_left, labelbottom=is_last)
        axis.set(xlabel=x if is_last else "", ylabel=y if is_left else "")

    def planes(self) -> list[tuple[Any, list[Any]]]:
        """Each measure's part of the figure, with its axes."""
        return [
            (part, [axis for row in axes for axis in row])
            for part, axes in zip(self._parts, self.axes, strict=True)
        ]


def _wrapped(title: str, length: int) -> str:
    """A title with lines of limited length, which end at spaces, or after a comma of a long word; a longer part is abridged."""
    lines = []
    for line in title.split("\n"):
        # the settings in the name of a run of a sweep have commas between them
        words = [
            word if len(word) <= length else word.replace(",", BREAK) for word in line.split(" ")
        ]
        parts = wrap(" ".join(words), length, break_long_words=False, max_lines=3) or [line]
        lines += [part.replace(BREAK, ",").replace(BREAK.rstrip(" "), ",") for part in parts]
    return "\n".join(abridged(line, length) for line in lines)
