"""Several runs beside each other, as a table and as a JSON document."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ibtrain.config import METHODS
from ibtrain.report.style import METHOD_NAMES
from ibtrain.report.table import spread
from ibtrain.report.text import blocks, table
from ibtrain.runs.differences import Difference
from ibtrain.runs.summary import SPLITS, RunSummary, varied_settings

__all__ = [
    "comparison_csv",
    "comparison_document",
    "comparison_table",
    "setting_text",
    "short_names",
]


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
        for name, short in short_names(varied).items()
    ]
    names = settings or [["run", *(run.name for run in runs)]]
    accuracies = [
        [f"{METHOD_NAMES[method]} {split} %", *(_accuracy(run, method, split) for run in runs)]
        for method in METHODS
        for split in ("test", "validation")
        if any(split in run.accuracies.get(method, {}) for run in runs)
    ]
    difference = [["difference %", *(difference_text(run.difference) for run in runs)]]
    groups = [[column] for column in accuracies]
    if any(run.difference for run in runs):
        groups.append(difference)
    if any(not run.accuracies for run in runs):
        groups.append([["state", *(_state(run) for run in runs)]])
    notes = [f"{run.name} failed: {run.failure}" for run in runs if run.failure]
    differences = [run.difference for run in runs if run.difference]
    if differences:
        has_intervals = any(difference.has_interval for difference in differences)
        what = "over seeds, with its 95 % interval" if has_intervals else "of a single seed"
        notes.insert(0, f"difference: layer-wise less end-to-end {what}")
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
            for seed in accuracies["test"]:
                values = [accuracies.get(split, {}).get(seed, "") for split in SPLITS]
                writer.writerow([run.name, *settings, method, seed, *values])
    return text.getvalue().rstrip("\n")


def comparison_document(runs: Sequence[RunSummary]) -> dict[str, Any]:
    """The same as a JSON document.

    Args:
        runs: The runs.
    """
    varied = varied_settings(runs)
    return {
        "schema": 1,
        "varied": varied,
        "runs": [
            {
                "name": run.name,
                "settings": {name: run.settings.get(name) for name in varied},
                "accuracies": run.accuracies,
                "difference": _finite(run.difference),
                "failure": run.failure or None,
            }
            for run in runs
        ],
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


def setting_text(value: Any) -> str:
    """The value of a setting in words.

    Args:
        value: The value.
    """
    if isinstance(value, list | tuple):
        return ",".join(map(setting_text, value)) or "auto"
    return f"{value:g}" if isinstance(value, float) else str(value)


def difference_text(difference: Difference | None) -> str:
    """A difference of shares in percent, with its interval.

    Args:
        difference: The difference; None is a dash.
    """
    if difference is None:
        return "-"
    text = f"{100 * difference.value:+.2f}"
    if not difference.has_interval:
        return text
    return f"{text} ({100 * difference.low:+.2f} to {100 * difference.high:+.2f})"


def _accuracy(run: RunSummary, method: Any, split: str) -> str:
    values = run.accuracies.get(method, {}).get(split, {})
    return spread([100 * value for value in values.values()]) if values else "-"


def _state(run: RunSummary) -> str:
    if run.failure:
        return "failed"
    return "" if run.accuracies else "unfinished"


def _finite(difference: Difference | None) -> dict[str, Any] | None:
    """The difference, with None for an end that is infinite."""
    if difference is None:
        return None
    values = asdict(difference)
    ends = {name: values[name] if difference.has_interval else None for name in ("low", "high")}
    return {**values, **ends}
