"""Picture of a sweep of one number: accuracies and differences against it."""

import math
from collections.abc import Sequence
from typing import Any

from ibtrain.report.arms import Contrast, Line, accuracy_lines, contrasts, number_of, setting_label
from ibtrain.report.legend import add_legend
from ibtrain.report.mpl import Figure, ScaledTranslation
from ibtrain.report.paths import layer_style
from ibtrain.report.style import COLOURS, LINES, MARKERS, new_figure, styled
from ibtrain.runs.comparisons import Comparison
from ibtrain.runs.differences import Difference
from ibtrain.runs.summary import RunSummary
from ibtrain.text import abridged

__all__ = ["learning_figure"]

LONGEST_NAME = 46
DODGE = 2.5
"""Points between the bars of two lines, which would hide each other."""
DECADE = 10
"""Ratio of the largest to the smallest number from which on the axis is logarithmic."""
TICK_CHARACTER, TICK_GAP = 0.075, 0.06
"""Width of a character of a tick, and smallest gap between two ticks, in inches."""
AXIS_WIDTH = {1: 6.0, 2: 2.7}
"""Width of an axis in inches, by the number of panels."""

Point = tuple[float, Difference]


@styled
def learning_figure(
    runs: Sequence[RunSummary],
    keys: Sequence[str],
    comparisons: Sequence[Comparison] = (),
    *,
    has_cells: bool = False,
) -> Figure:
    """Draws mean test accuracies with their 95 % intervals over seeds, and paired differences, against a setting.

    The axis is logarithmic where the numbers span a decade; 0 then has a place of its own at the left. A line is interrupted at a
    run without a result.

    Args:
        runs: The runs, which differ only in the setting, in the methods and in their cell.
        keys: Dotted name of the setting, or its names for both methods.
        comparisons: Comparisons of cells with each other.
        has_cells: Whether a run's name begins with that of its cell.
    """
    numbers = sorted({number for run in runs if (number := number_of(run, keys)) is not None})
    lines = accuracy_lines(runs, has_cells)
    found = contrasts(runs, comparisons, has_cells)
    columns = 2 if found else 1
    figure, axes = new_figure(1, columns, 3.2)
    handles = _draw_accuracies(axes[0, 0], lines, keys, numbers, has_cells)
    if found:
        handles += _draw_differences(axes[0, 1], found, keys, numbers, lines if has_cells else [])
    for axis in axes[0]:
        _set_axis(axis, numbers, AXIS_WIDTH[columns])
        axis.set_xlabel(setting_label(keys))
    add_legend(figure, handles)
    missing = sum(not run.accuracies for run in runs)
    if missing:
        has = "has" if missing == 1 else "have"
        figure.supxlabel(f"{missing} of {len(runs)} runs {has} no results", fontsize=7)
    return figure


def _draw_accuracies(
    axis: Any, lines: Sequence[Line], keys: Sequence[str], numbers: Sequence[float], has_cells: bool
) -> list[Any]:
    handles, means = [], []
    for index, line in enumerate(lines):
        points = [(number_of(run, keys) or 0.0, mean) for run, mean in line.means()]
        means += [mean for _, mean in points]
        colour, marker = layer_style(index, len(lines))
        style = {"color": colour, "marker": marker, "ls": "-", "label": line.label}
        if not has_cells:
            style |= {"color": COLOURS[line.method], "ls": LINES[line.method]}
            style["marker"] = MARKERS[list(COLOURS).index(line.method)]
        handles.append(_draw(axis, points, numbers, (index, len(lines)), style))
    axis.set(ylabel="test accuracy  [%]")
    axis.set_title(f"Accuracy ({_note(means)})")
    # the interval of two or three seeds can be wider than all shares
    low, high = axis.get_ylim()
    axis.set_ylim(max(low, -1), min(high, 101))
    return handles


def _draw_differences(
    axis: Any,
    found: Sequence[Contrast],
    keys: Sequence[str],
    numbers: Sequence[float],
    lines: Sequence[Line],
) -> list[Any]:
    """Draws differences; those of cells have the colour of what they are of, and handles."""
    labels = [line.label for line in lines]
    axis.axhline(0, color="black", lw=0.8)
    handles, means = [], []
    for index, contrast in enumerate(found):
        points = [(number_of(run, keys) or 0.0, v.difference) for run, v in contrast.pairs]
        means += [mean for _, mean in points]
        first = contrast.label.partition(" less ")[0]
        place = labels.index(first) if first in labels else index
        colour, marker = layer_style(place, max(len(found), len(lines)))
        style = {"color": colour, "marker": marker, "ls": ":", "mfc": "white"}
        style |= {"label": _short(contrast.label)} if lines else {"color": "black"}
        handles.append(_draw(axis, points, numbers, (index, len(found)), style))
    axis.set(ylabel="difference  [percentage points]")
    what = "Differences" if lines else found[0].label.capitalize()
    axis.set_title(f"{what} ({_note(means)})")
    return handles if lines else []


def _draw(
    axis: Any,
    points: Sequence[Point],
    numbers: Sequence[float],
    place: tuple[int, int],
    style: dict[str, Any],
) -> Any:
    """Draws a line with its intervals, shifted by its place among the others; returns its handle."""
    by_number = dict(points)
    values = [100 * by_number[x].value if x in by_number else math.nan for x in numbers]
    halves = [
        100 * (by_number[x].high - by_number[x].value)
        if x in by_number and by_number[x].has_interval
        else 0.0
        for x in numbers
    ]
    index, count = place
    shift = (index - (count - 1) / 2) * min(DODGE, 12 / count) / 72
    transform = axis.transData + ScaledTranslation(shift, 0, axis.figure.dpi_scale_trans)
    options = {"ms": 4, "lw": 1.2, "elinewidth": 0.9, "capsize": 1.5}
    label = abridged(style.pop("label", ""), LONGEST_NAME)
    bars = axis.errorbar(numbers, values, yerr=halves, transform=transform, **options, **style)
    bars.lines[0].set_label(label)
    # data with another transform do not count for the limits
    finite = [(v, h) for v, h in zip(values, halves, strict=True) if math.isfinite(v)]
    axis.update_datalim([(numbers[0], v + sign * h) for v, h in finite for sign in (-1, 1)])
    axis.autoscale_view()
    return bars.lines[0]


def _set_axis(axis: Any, numbers: Sequence[float], width: float) -> None:
    """Scale, limits and ticks of the setting: a tick at each number, unless two would touch."""
    positive = [number for number in numbers if number > 0]
    is_logarithmic = numbers[0] >= 0 and bool(positive) and positive[-1] >= DECADE * positive[0]
    if not is_logarithmic:
        places = list(numbers)
    else:
        smallest = positive[0]
        # 0 is half a decade, or the gap between the two smallest numbers, left of the smallest
        gap = min(0.5, math.log10(positive[1] / smallest)) if len(positive) > 1 else 0.5
        axis.set_xscale("symlog", linthresh=smallest, linscale=gap * 0.9) if numbers[0] == 0 else axis.set_xscale("log")  # fmt: skip
        places = [math.log10(x / smallest) if x > 0 else -max(gap, 0.25) for x in numbers]
    span = places[-1] - places[0] or 1.0
    edge = 0.06 * span
    if is_logarithmic and numbers[0] > 0:
        axis.set_xlim(numbers[0] * 10**-edge, numbers[-1] * 10**edge)
    elif is_logarithmic:
        axis.set_xlim(-positive[0] * 0.25, numbers[-1] * 10**edge)
    else:
        axis.set_xlim(places[0] - edge, places[-1] + edge)
    shown: dict[int, tuple[float, float]] = {}
    # both ends have a tick
    for index in sorted(
        range(len(numbers)), key=lambda index: (0 < index < len(numbers) - 1, index)
    ):
        centre = (places[index] - places[0]) / span * width * 0.88
        room = TICK_CHARACTER * len(f"{numbers[index]:g}") / 2
        low, high = centre - room - TICK_GAP, centre + room + TICK_GAP
        if all(high < other_low or low > other_high for other_low, other_high in shown.values()):
            shown[index] = (centre - room, centre + room)
    ticks = [numbers[index] for index in shown]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_xticks([], minor=True)


def _short(label: str) -> str:
    """The names of two cells, so short that both are legible."""
    return " less ".join(abridged(name, LONGEST_NAME // 2 - 3) for name in label.split(" less "))


def _note(means: Sequence[Difference]) -> str:
    has_intervals = any(mean.has_interval for mean in means)
    return "95 % intervals" if has_intervals else "one seed"
