"""Picture of several runs: their accuracies, and differences of methods and of runs with their intervals."""

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from ibtrain.config import METHODS, Method
from ibtrain.report.comparison import short_names, without_twins
from ibtrain.report.mpl import Figure
from ibtrain.report.style import COLOURS, FIGURE_WIDTH, MARKERS, METHOD_NAMES, styled
from ibtrain.runs.comparisons import Comparison, method_verdicts
from ibtrain.runs.differences import Difference
from ibtrain.runs.summary import RunSummary, varied_settings
from ibtrain.text import abridged, setting_text

__all__ = ["forest_figure"]

LONGEST_NAME, SHORT_NAME = 40, 18
"""Maximum number of characters of a name beside one or two panels, and of one above a panel or beside three."""
MAX_RUNS = 200
"""Largest number of rows that are legible on a page; further runs are left out, and the title says so."""


_Row = tuple[float, Difference, str, str]
"""Height, difference, colour and marker of a point."""


@styled
def forest_figure(
    runs: Sequence[RunSummary],
    comparisons: Sequence[Comparison] = (),
    *,
    has_cells: bool = False,
) -> Figure:
    """Draws a row for each finished run: accuracies, and paired differences with their 95 % intervals.

    Args:
        runs: The runs.
        comparisons: Comparisons of the runs with each other; each is in the row of the first.
        has_cells: Whether the runs have names of their own, rather than those of their settings.
    """
    finished = [run for run in runs if run.accuracies]
    shown = finished[:MAX_RUNS]
    places = {run.name: row for row, run in enumerate(shown)}
    compared = [each for each in comparisons if each.first.run in places]
    methods = [
        (float(row), verdict.difference, "black", "o")
        for row, verdict in enumerate(method_verdicts(shown))
        if verdict
    ]
    pairs = [
        (
            places[each.first.run] + _offset(METHODS.index(each.first.method)),
            each.verdict.difference,
            COLOURS[each.first.method],
            MARKERS[METHODS.index(each.first.method)],
        )
        for each in compared
    ]
    differences = {"Layer-wise less end-to-end": methods, _pairs_title(compared, places): pairs}
    panels = {title: rows for title, rows in differences.items() if rows}
    figure = Figure(figsize=(FIGURE_WIDTH, 1.1 + 0.2 * len(shown)), dpi=200, layout="constrained")
    axes = figure.subplots(1, 1 + len(panels), sharey=True, squeeze=False)[0]
    # three titles need two lines
    longest, separator = (LONGEST_NAME, " ") if len(axes) < 3 else (SHORT_NAME, "\n")
    for method in METHODS:
        _draw_accuracies(axes[0], shown, method)
    labels = [*places] if has_cells else _labels(runs, shown)
    axes[0].set_yticks(range(len(shown)), labels=[abridged(label, longest) for label in labels])
    axes[0].set_ylim(len(shown) - 0.5, -0.5)
    axes[0].set(xlabel="test accuracy  [%]")
    has_bars = any(len(splits["test"]) > 1 for run in shown for splits in run.accuracies.values())
    axes[0].set_title(
        f"Accuracy{separator}({'bars: ± s.d. over seeds' if has_bars else 'one seed'})"
    )
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    for axis, (title, rows) in zip(axes[1:], panels.items(), strict=True):
        has_intervals = any(difference.has_interval for _, difference, *_ in rows)
        axis.set_title(f"{title}{separator}({'95 % interval' if has_intervals else 'one seed'})")
        _draw_differences(axis, rows)
    notes = [f"the first {len(shown)} of {len(finished)} runs"] * (len(shown) < len(finished))
    base = _common_base(compared)
    if base and len(base) > SHORT_NAME:
        notes.append(f"baseline: {base}")
    if notes:
        figure.supxlabel("; ".join(notes), fontsize=7)
    return figure


def _common_base(compared: Sequence[Comparison]) -> str:
    """The run that all are compared with; an empty string if there are several."""
    bases = {each.second.run for each in compared}
    return bases.pop() if len(bases) == 1 else ""


def _pairs_title(compared: Sequence[Comparison], places: Mapping[str, int]) -> str:
    """What the runs are compared with, given the row of each."""
    if base := _common_base(compared):
        return f"Less {base}" if len(base) <= SHORT_NAME else "Less the baseline"
    is_above = all(places.get(each.second.run) == places[each.first.run] - 1 for each in compared)
    return "Less the run above" if is_above else "Less its baseline"


def _offset(index: int) -> float:
    """Distance of a method's points from the middle of the row."""
    return 0.2 * index - 0.1


def _labels(runs: Sequence[RunSummary], shown: Sequence[RunSummary]) -> list[str]:
    """The settings in which a run differs from the others."""
    names = short_names(without_twins(varied_settings(runs), runs))
    return [
        ", ".join(f"{short} {setting_text(run.settings[name])}" for name, short in names.items())
        or run.name
        for run in shown
    ]


def _draw_accuracies(axis: Any, runs: Sequence[RunSummary], method: Method) -> None:
    index, colour = METHODS.index(method), COLOURS[method]
    for row, run in enumerate(runs):
        accuracies = [100 * value for value in run.test(method).values()]
        if accuracies:
            axis.errorbar(
                mean(accuracies),
                row + _offset(index),
                xerr=stdev(accuracies) if len(accuracies) > 1 else None,
                fmt=MARKERS[index],
                ms=4,
                lw=1,
                color=colour,
            )
    # one entry in the legend for all rows, if there are any
    if any(run.test(method) for run in runs):
        axis.plot([], [], MARKERS[index], ms=4, color=colour, label=METHOD_NAMES[method])


def _draw_differences(axis: Any, rows: Sequence[_Row]) -> None:
    axis.axvline(0, color="black", lw=0.8)
    for height, difference, colour, marker in rows:
        value = 100 * difference.value
        half = 100 * difference.high - value if difference.has_interval else None
        axis.errorbar(value, height, xerr=half, fmt=marker, ms=4, lw=1, color=colour)
    axis.set(xlabel="difference  [percentage points]")
