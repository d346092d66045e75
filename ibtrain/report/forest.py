"""Picture of several runs: their accuracies, and the differences of the methods with their intervals."""

from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any

from ibtrain.config import METHODS
from ibtrain.report.comparison import setting_text, short_names, without_twins
from ibtrain.report.mpl import Figure
from ibtrain.report.style import COLOURS, FIGURE_WIDTH, MARKERS, METHOD_NAMES, styled
from ibtrain.runs.comparisons import method_verdicts
from ibtrain.runs.summary import RunSummary, varied_settings
from ibtrain.text import abridged

__all__ = ["forest_figure"]

LONGEST_NAME = 40
MAX_RUNS = 200
"""Largest number of rows that are legible on a page; further runs are left out, and the title says so."""


@styled
def forest_figure(runs: Sequence[RunSummary]) -> Figure:
    """Draws a row for each finished run: accuracies of both methods, and their paired difference with its 95 % interval.

    Args:
        runs: The runs.
    """
    finished = [run for run in runs if run.accuracies]
    shown = finished[:MAX_RUNS]
    differences = [verdict and verdict.difference for verdict in method_verdicts(shown)]
    columns = 2 if any(differences) else 1
    figure = Figure(figsize=(FIGURE_WIDTH, 1.1 + 0.2 * len(shown)), dpi=200, layout="constrained")
    axes = figure.subplots(1, columns, sharey=True, squeeze=False)[0]
    for index, method in enumerate(METHODS):
        _draw_accuracies(axes[0], shown, method, index)
    axes[0].set_yticks(range(len(shown)), labels=_labels(runs, shown))
    axes[0].set_ylim(len(shown) - 0.5, -0.5)
    axes[0].set(xlabel="test accuracy  [%]")
    has_bars = any(len(splits["test"]) > 1 for run in shown for splits in run.accuracies.values())
    axes[0].set_title("Accuracy (bars: ± s.d. over seeds)" if has_bars else "Accuracy (one seed)")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=2)
    if columns == 2:
        _draw_differences(axes[1], differences)
    if len(shown) < len(finished):
        figure.supxlabel(f"the first {len(shown)} of {len(finished)} runs", fontsize=7)
    return figure


def _labels(runs: Sequence[RunSummary], shown: Sequence[RunSummary]) -> list[str]:
    """The settings in which a run differs from the others."""
    names = short_names(without_twins(varied_settings(runs), runs))
    return [
        abridged(
            ", ".join(
                f"{short} {setting_text(run.settings[name])}" for name, short in names.items()
            )
            or run.name,
            LONGEST_NAME,
        )
        for run in shown
    ]


def _draw_accuracies(axis: Any, runs: Sequence[RunSummary], method: Any, index: int) -> None:
    for row, run in enumerate(runs):
        accuracies = [
            100 * value for value in run.accuracies.get(method, {}).get("test", {}).values()
        ]
        if accuracies:
            axis.errorbar(
                mean(accuracies),
                row + 0.2 * index - 0.1,
                xerr=stdev(accuracies) if len(accuracies) > 1 else None,
                fmt=MARKERS[index],
                ms=4,
                lw=1,
                color=COLOURS[METHODS[index]],
            )
    # one entry in the legend for all rows
    axis.plot(
        [],
        [],
        MARKERS[index],
        ms=4,
        color=COLOURS[METHODS[index]],
        label=METHOD_NAMES[METHODS[index]],
    )


def _draw_differences(axis: Any, differences: Sequence[Any]) -> None:
    axis.axvline(0, color="black", lw=0.8)
    for row, difference in enumerate(differences):
        if difference is not None:
            value = 100 * difference.value
            half = 100 * difference.high - value if difference.has_interval else None
            axis.errorbar(value, row, xerr=half, fmt="o", ms=4, lw=1, color="black")
    axis.set(xlabel="difference  [percentage points]")
    has_intervals = any(difference and difference.has_interval for difference in differences)
    note = "95 % interval" if has_intervals else "one seed"
    axis.set_title(f"Layer-wise less end-to-end ({note})")
