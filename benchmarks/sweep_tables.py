"""The section of the results page on the records of ``ibtrain sweep ... --json``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from page_parts import markdown_table, percent, provenance

from ibtrain.config import METHODS
from ibtrain.report.style import METHOD_NAMES
from ibtrain.report.verdicts import p_words, points
from ibtrain.text import setting_text

__all__ = ["sweep"]


def sweep(path: Path) -> str:
    """Accuracies, differences, verdicts, settings and source of a sweep, or of a search and its final runs.

    Args:
        path: The record.

    Raises:
        click.ClickException: If the file is not such a record.
    """
    try:
        record = json.loads(path.read_text())
        parts = [provenance(path, record.get("environment"))]
        if "final" in record:
            parts += [_budget(record), *(_sweep(record["final"]) if record["final"] else [])]
        else:
            parts += _sweep(record)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise click.ClickException(
            f"{path}: expected what ibtrain sweep --json prints ({reason})"
        ) from error
    return "\n\n".join(parts)


def _sweep(record: Mapping[str, Any]) -> list[str]:
    parts = [_accuracies(record)]
    # the verdict on a single run is in the list below
    if sum(bool(run["difference"]) for run in record["runs"]) > 1:
        parts.append(f"Both methods: {record['verdict']}.")
    if record["comparisons"]:
        parts.append(_compared(record["comparisons"]))
    verdicts = [f"`{run['name']}`: {run['difference']['verdict']}" for run in record["runs"] if run["difference"]]  # fmt: skip
    verdicts += [each["verdict"] for each in record["comparisons"]]
    if verdicts:
        parts.append("\n".join(f"- {text}." for text in verdicts))
    parts += [_failures(record), _settings(record)]
    return [part for part in parts if part]


def _accuracies(record: Mapping[str, Any]) -> str:
    """A row for each run."""
    runs = record["runs"]
    shown = [
        (method, split)
        for method in METHODS
        for split in ("test", "validation")
        if any(split in run["accuracies"].get(method, {}) for run in runs)
    ]
    has_differences = any(run["difference"] for run in runs)
    headings = ["run", *(f"{METHOD_NAMES[method]} {split} %" for method, split in shown)]
    rows = [[*headings, "seeds", *(["difference", "p", "verdict"] if has_differences else [])]]
    for run in runs:
        found = [run["accuracies"].get(method, {}).get(split, {}) for method, split in shown]
        if run["failure"]:
            seeds = "failed"
        else:
            names = sorted({*map(int, (seed for values in found for seed in values))})
            seeds = ", ".join(map(str, names)) or "unfinished"
        cells = [f"`{run['name']}`", *(percent([*values.values()]) for values in found), seeds]
        rows.append(cells + (_difference(run["difference"]) if has_differences else []))
    return markdown_table(rows)


def _compared(found: list[Any]) -> str:
    """A row for each comparison of two runs."""
    rows = [["run", "less", "pairs", "difference", "p", "verdict"]]
    for each in found:
        arms = [
            f"`{each[arm]['run']}` ({METHOD_NAMES[each[arm]['method']]})"
            for arm in ("first", "second")
        ]
        counts = each["counts"] if each["kind"] == "unpaired" else each["counts"][:1]
        rows.append([*arms, " and ".join(map(str, counts)), *_difference(each)])
    return markdown_table(rows)


def _difference(found: Mapping[str, Any] | None) -> list[str]:
    """Difference in percentage points with its interval, p value and outcome."""
    if not found:
        return ["-", "-", "-"]
    text = points(found["value"])
    if found["low"] is not None:
        text += f" ({points(found['low'])} to {points(found['high'])})"
    is_small = found["is_equivalent"] and found["outcome"] != "equivalent"
    return [text, p_words(found["p"]), found["outcome"] + " (within margin)" * is_small]


def _failures(record: Mapping[str, Any]) -> str:
    return "\n".join(
        f"- `{run['name']}` failed: {run['failure']}" for run in record["runs"] if run["failure"]
    )


def _budget(record: Mapping[str, Any]) -> str:
    """Trials of each method, and the best settings by validation accuracy."""
    rows = [["method", "trials", "failed", "epochs", "best settings", "validation %"]]
    for method, found in record["methods"].items():
        best = found["tried"][0]
        rows.append(
            [
                METHOD_NAMES[method],
                *(str(found[key]) for key in ("trials", "failed", "epochs")),
                _named(best["settings"]),
                percent([*best["seeds"].values()]),
            ]
        )
    return markdown_table(rows)


def _settings(record: Mapping[str, Any]) -> str:
    """All settings, folded."""
    lines = [f"- shared: {_named(record['shared'])}"]
    lines += [f"- `{run['name']}`: {_named(run['settings'])}" for run in record["runs"]]
    return "\n".join(
        ["<details><summary>Settings</summary>", "", *lines, "", "</details>"],
    )


def _named(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"`{name}={setting_text(value)}`" for name, value in settings.items())
