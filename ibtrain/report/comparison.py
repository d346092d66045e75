"""Several runs beside each other, as a table and as a JSON document."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from ibtrain.config import METHODS
from ibtrain.report.style import METHOD_NAMES
from ibtrain.report.table import spread
from ibtrain.report.text import blocks, table, wrapped
from ibtrain.report.verdicts import (
    METHODS_FAMILY,
    arm_names,
    outcome_words,
    overall_words,
    p_words,
    points,
    results_words,
    verdict_words,
)
from ibtrain.runs.comparisons import Comparison, method_verdicts
from ibtrain.runs.differences import Difference
from ibtrain.runs.summary import SPLITS, RunSummary, varied_settings
from ibtrain.runs.verdicts import Verdict
from ibtrain.text import setting_text

__all__ = [
    "comparison_csv",
    "comparison_document",
    "comparison_table",
    "comparisons_table",
    "short_names",
    "without_twins",
]

VERDICT_HEADINGS = ("difference %", "p", "verdict")


def comparison_table(
    runs: Sequence[RunSummary], width: int, columns: Sequence[str] | None = None
) -> str:
    """A row for each run: settings, mean accuracies, and differences of the methods.

    Args:
        runs: The runs.
        width: Largest number of characters in a line; a table that is wider is split into several.
        columns: Dotted names of the settings; None for those in which the runs differ.
    """
    varied = varied_settings(runs) if columns is None else columns
    settings = [
        [short, *(setting_text(run.settings.get(name)) for run in runs)]
        for name, short in short_names(without_twins(varied, runs)).items()
    ]
    # the settings of named cells are many, and their names say what they are
    is_named = columns is None and "methods" in varied
    names = settings if settings and not is_named else [["run", *(run.name for run in runs)]]
    accuracies = [
        [f"{METHOD_NAMES[method]} {split} %", *(_accuracy(run, method, split) for run in runs)]
        for method in METHODS
        for split in ("test", "validation")
        if any(split in run.accuracies.get(method, {}) for run in runs)
    ]
    verdicts = method_verdicts(runs)
    groups = [[column] for column in accuracies]
    if any(verdicts):
        cells = [verdict_cells(verdict) for verdict in verdicts]
        groups.append([list(column) for column in zip(VERDICT_HEADINGS, *cells, strict=True)])
    if any(not run.accuracies for run in runs):
        groups.append([["state", *(_state(run) for run in runs)]])
    notes = [f"{run.name} failed: {run.failure}" for run in runs if run.failure]
    if any(verdicts):
        notes = [
            line
            for text in (_note(verdicts), _conclusion(verdicts))
            for line in wrapped(text, width)
        ] + notes
    # a folder without runs
    tables = blocks(names, groups, width) or [table(list(zip(*names, strict=True)))]
    return "\n".join(["\n\n".join(tables), *notes])


def comparison_csv(runs: Sequence[RunSummary], columns: Sequence[str] | None = None) -> str:
    """The accuracies of every network as CSV: run, settings, method, seed, and a column for each split.

    Args:
        runs: The runs.
        columns: Dotted names of the settings; None for those in which the runs differ.
    """
    names = varied_settings(runs) if columns is None else columns
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run", *names, "method", "seed", *(f"{split}_accuracy" for split in SPLITS)])
    for run in runs:
        settings = [setting_text(run.settings.get(name)) for name in names]
        for method, accuracies in run.accuracies.items():
            for seed in accuracies["train"]:
                values = [accuracies.get(split, {}).get(seed, "") for split in SPLITS]
                writer.writerow([run.name, *settings, method, seed, *values])
    return text.getvalue().rstrip("\n")


def comparison_document(
    runs: Sequence[RunSummary], comparisons: Sequence[Comparison] = ()
) -> dict[str, Any]:
    """The same as a JSON document.

    Args:
        runs: The runs.
        comparisons: Comparisons of the runs with each other.
    """
    varied = varied_settings(runs)
    verdicts = method_verdicts(runs)
    return {
        "schema": 1,
        "varied": varied,
        "shared": {
            name: value
            for name, value in (runs[0].settings if runs else {}).items()
            if name not in varied
        },
        "runs": [
            {
                "name": run.name,
                "settings": {name: run.settings.get(name) for name in varied},
                "accuracies": run.accuracies,
                "difference": _verdict_document(verdict),
                "failure": run.failure or None,
            }
            for run, verdict in zip(runs, verdicts, strict=True)
        ],
        "verdict": _conclusion(verdicts) if any(verdicts) else None,
        "comparisons": [_comparison_document(comparison) for comparison in comparisons],
    }


def short_names(names: Sequence[str]) -> dict[str, str]:
    """The last part of each dotted name, or the whole name where two have the same last part.

    Args:
        names: Dotted names.
    """
    last = [name.rpartition(".")[2] for name in names]
    return {
        name: short if last.count(short) == 1 else name
        for name, short in zip(names, last, strict=True)
    }


def without_twins(names: Sequence[str], runs: Sequence[RunSummary]) -> list[str]:
    """Leaves out the optimiser's settings of end-to-end training that equal those of layer-wise training in all runs.

    Args:
        names: Dotted names of settings.
        runs: The runs.
    """
    first, second = METHODS
    twins = {name: name.replace(f"{second}.", f"{first}.", 1) for name in names}
    return [
        name
        for name, twin in twins.items()
        if twin == name
        or twin not in names
        or any(run.settings.get(name) != run.settings.get(twin) for run in runs)
    ]


def difference_text(difference: Difference) -> str:
    """A difference of shares in percent, with its interval.

    Args:
        difference: The difference.
    """
    text = points(difference.value)
    if not difference.has_interval:
        return text
    return f"{text} ({points(difference.low)} to {points(difference.high)})"


def verdict_cells(verdict: Verdict | None) -> list[str]:
    """The cells of a comparison below :data:`VERDICT_HEADINGS`; dashes without one.

    Args:
        verdict: The verdict.
    """
    if verdict is None:
        return ["-" for _ in VERDICT_HEADINGS]
    return [difference_text(verdict.difference), p_words(verdict.p), outcome_words(verdict)]


def comparisons_table(comparisons: Sequence[Comparison], width: int) -> str:
    """A row for each comparison of runs with each other, or a sentence where rows are too wide; and the verdict on all.

    Args:
        comparisons: The comparisons, which are one family.
        width: Largest number of characters in a line of text.
    """
    rows = [["run", "less", "method", *VERDICT_HEADINGS]]
    rows += [[*arm_names(each), *verdict_cells(each.verdict)] for each in comparisons]
    lines = table(rows).splitlines()
    if max(map(len, lines)) > width:
        lines = [line for each in comparisons for line in wrapped(_sentence(each), width)]
    verdicts = [each.verdict for each in comparisons]
    return "\n".join([*lines, *wrapped(overall_words(verdicts, "run against run"), width)])


def _sentence(comparison: Comparison) -> str:
    first, second, where = arm_names(comparison)
    return f"{where}{': ' * bool(where)}{verdict_words(comparison.verdict, first, second)}."


def _note(verdicts: Sequence[Verdict | None]) -> str:
    """What the differences are."""
    has_intervals = any(verdict.difference.has_interval for verdict in verdicts if verdict)
    what = "over seeds, with its 95 % interval" if has_intervals else "over seeds, without a spread"
    if all(verdict.difference.counts[0] == 1 for verdict in verdicts if verdict):
        what = "of a single seed"
    return f"difference: layer-wise less end-to-end {what}"


def _conclusion(verdicts: Sequence[Verdict | None]) -> str:
    """The verdicts on a family, counted; a single one as its sentence."""
    judged = [verdict for verdict in verdicts if verdict]
    if len(judged) > 1:
        return overall_words(judged, METHODS_FAMILY)
    return results_words(judged[0])


def _accuracy(run: RunSummary, method: Any, split: str) -> str:
    values = run.accuracies.get(method, {}).get(split, {})
    return spread([100 * value for value in values.values()]) if values else "-"


def _state(run: RunSummary) -> str:
    if run.failure:
        return "failed"
    return "" if run.accuracies else "unfinished"


def _verdict_document(verdict: Verdict | None) -> dict[str, Any] | None:
    return {**verdict.to_dict(), "verdict": results_words(verdict)} if verdict else None


def _comparison_document(comparison: Comparison) -> dict[str, Any]:
    first, second, _ = arm_names(comparison)
    return {**comparison.to_dict(), "verdict": verdict_words(comparison.verdict, first, second)}
