"""A run's results as text."""

import math
import warnings
from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any

from ibtrain.config import METHODS
from ibtrain.errors import IBTrainWarning, RunFolderError
from ibtrain.mi.result import Estimate
from ibtrain.plane.point import AUDIT_SUFFIX, RESERVED_NAMES
from ibtrain.report.quantities import columns_of
from ibtrain.report.words import noise_words, numbers, objective_words
from ibtrain.runs import RunFolder
from ibtrain.text import printable

__all__ = ["results_table", "runs_table"]

MAX_CELL_LENGTH = 1000
"""Maximum number of characters in a cell."""
_SAMPLES = {"test": "test samples", "train": "training samples", "all": "samples"}
_LABELS = {"layerwise": "layer-wise", "end_to_end": "end-to-end"}


def results_table(results: dict[str, Any]) -> str:
    """Tables of accuracy and time by method, and of each layer's values; means over seeds.

    Args:
        results: The document ``results.json``.
    """
    methods = [method for method in METHODS if results.get(method)]
    sections = [_summary(results, methods)]
    if any(results[method][0]["layers"] for method in methods):
        sections.append(_layers(results, methods))
        sections.append(_footnote(results, methods))
    return "\n\n".join(sections)


def runs_table(folders: Sequence[RunFolder]) -> str:
    """A table with a row for each run: its folder, data set, seeds and mean test accuracies.

    A broken run has a row too, and a warning names the error.
    """
    rows = [["run", "dataset", "seeds", *(f"{_LABELS[method]} %" for method in METHODS)]]
    for folder in folders:
        try:
            rows.append([str(folder.path), *_dataset_and_seeds(folder), *_accuracies(folder)])
        except RunFolderError as error:
            warnings.warn(str(error), IBTrainWarning, stacklevel=2)
            rows.append([str(folder.path), "broken", "", *("" for _ in METHODS)])
    return _columns(rows)


def _dataset_and_seeds(folder: RunFolder) -> tuple[str, str]:
    """Data set and seeds of a run; its other settings are not read, because they may be of another version."""
    config = folder.read_json("config.json")
    dataset, seeds = config.get("dataset"), config.get("seeds")
    if not isinstance(dataset, str) or not isinstance(seeds, list):
        given = f"dataset {dataset!r} and seeds {seeds!r}"
        where = str(folder.path / "config.json")
        raise RunFolderError(given, "a data set's name and a list", where)
    return dataset, ",".join(map(str, seeds))


def _accuracies(folder: RunFolder) -> list[str]:
    if not (folder.path / "results.json").is_file():
        return ["unfinished" for _ in METHODS]
    results = folder.results()
    return [
        _spread([100 * seed["test_accuracy"] for seed in results[method]])
        if results.get(method)
        else "-"
        for method in METHODS
    ]


def _summary(results: dict[str, Any], methods: Sequence[str]) -> str:
    rows = [["method", "test accuracy %", "train accuracy %", "training s", "seeds"]]
    for method in methods:
        seeds = results[method]
        rows.append(
            [
                _LABELS[method],
                _spread([100 * seed["test_accuracy"] for seed in seeds]),
                _spread([100 * seed["train_accuracy"] for seed in seeds]),
                _spread([seed["seconds"] for seed in seeds], digits=1),
                str(len(seeds)),
            ]
        )
    return _columns(rows)


def _layers(results: dict[str, Any], methods: Sequence[str]) -> str:
    first = results[methods[0]][0]["layers"][0]
    columns = columns_of(name for name in first if name not in RESERVED_NAMES)
    rows = [["", "layer", *(_cell(quantity.heading) for quantity in columns)]]
    flagged = False
    for method in methods:
        seeds = results[method]
        for index, first in enumerate(seeds[0]["layers"]):
            layers = [seed["layers"][index] for seed in seeds]
            row = [_LABELS[method], first["name"]]
            for quantity in columns:
                values = [layer[quantity.name] for layer in layers if quantity.name in layer]
                factor = 100 if quantity.unit == "%" else 1
                row.append(_value(values, factor) if values else "-")
            flagged = flagged or any(cell.endswith("*") for cell in row)
            rows.append(row)
    table = _columns(rows)
    return table + ("\n* flagged in results.json" if flagged else "")


def _value(values: Sequence[Any], factor: float) -> str:
    """Mean and standard deviation of numbers or estimates over seeds, with a star if one has a flag."""
    if not isinstance(values[0], dict):
        return _spread([factor * value for value in values])
    estimates = [Estimate.from_dict(value) for value in values]
    return _spread([e.mi for e in estimates]) + "*" * any(e.flags for e in estimates)


def _footnote(results: dict[str, Any], methods: Sequence[str]) -> str:
    flags = sorted(
        {
            flag
            for method in methods
            for seed in results[method]
            for layer in seed["layers"]
            for name, value in layer.items()
            if isinstance(value, dict) and "flags" in value and not name.endswith(AUDIT_SUFFIX)
            for flag in value["flags"]
        }
    )
    objective = results["objective"]
    # earlier versions measured the plane with the noise of the training
    plane = results.get("plane") or {"on": "test", "unit": "nats", **objective}
    factor = 1 / math.log(2) if plane["unit"] == "bits" else 1.0
    limits = (
        f"{plane['unit']}, on {results['plane_samples']} {_SAMPLES[plane['on']]}: "
        f"{'log2' if plane['unit'] == 'bits' else 'ln'} N = {factor * results['ln_n']:.2f}, "
        f"H(Y) = {factor * results['label_entropy']:.2f}; sigma {noise_words(plane)}; "
        f"trained with sigma {numbers(objective['noise_std'])} ({objective['noise_scale']}), "
        f"{objective_words(objective, 'beta ')}; "
        f"majority class {100 * results['majority_accuracy']:.1f} %"
    )
    return printable(limits + (f"; flags: {', '.join(flags)}" if flags else ""))


def _spread(values: Sequence[float], digits: int = 2) -> str:
    """The mean, and the standard deviation if there is more than one value."""
    text = f"{mean(values):.{digits}f}"
    return f"{text} ± {stdev(values):.{digits}f}" if len(values) > 1 else text


def _cell(text: str) -> str:
    """A printable text of limited length."""
    return printable(text if len(text) <= MAX_CELL_LENGTH else f"{text[:MAX_CELL_LENGTH]}...")


def _columns(rows: Sequence[Sequence[str]]) -> str:
    rows = [[_cell(text) for text in row] for row in rows]
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])
