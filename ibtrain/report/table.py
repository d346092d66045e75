"""A run's results as text."""

import math
from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any

from ibtrain.config import METHODS, Method
from ibtrain.mi.result import Estimate
from ibtrain.plane.measures import Quantity
from ibtrain.plane.point import AUDIT_SUFFIX, RESERVED_NAMES
from ibtrain.report.quantities import column_groups
from ibtrain.report.style import METHOD_NAMES
from ibtrain.report.text import blocks, filled, table, wrapped
from ibtrain.report.verdicts import results_words
from ibtrain.report.words import noise_words, numbers, objective_words
from ibtrain.runs.verdicts import results_verdict
from ibtrain.text import abridged

__all__ = [
    "TABLE_WIDTH",
    "flags_of",
    "footnote",
    "layer_columns",
    "results_table",
    "spread",
    "summary_rows",
]

TABLE_WIDTH = 80
"""Number of characters in a line, where no terminal says another."""
_SAMPLES = {"test": "test samples", "train": "training samples", "all": "samples"}
_DIGITS = {"count": 0}
"""Digits after the point by unit; 2 for other units."""


def results_table(results: dict[str, Any], width: int = TABLE_WIDTH) -> str:
    """Tables of accuracy and time by method, and of each layer's values.

    The values are means over seeds with standard deviations, or a single seed's values with their standard errors.

    Args:
        results: The document ``results.json``.
        width: Largest number of characters in a line; a table that is wider is split into several.
    """
    methods = [method for method in METHODS if results.get(method)]
    sections = [table(summary_rows(results, methods))]
    verdict = results_verdict(results)
    if verdict and verdict.difference.counts[0] > 1:
        sections.append("\n".join(wrapped(results_words(verdict), width)))
    if any(results[method][0]["layers"] for method in methods):
        sections += _layers(results, methods, width)
        sections.append(footnote(results, methods, width))
    return "\n\n".join(sections)


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The mean, and the standard deviation if there is more than one value.

    Args:
        values: The values.
        digits: Number of digits after the point.
    """
    text = f"{mean(values):.{digits}f}"
    return f"{text} ± {stdev(values):.{digits}f}" if len(values) > 1 else text


def summary_rows(results: dict[str, Any], methods: Sequence[Method]) -> list[list[str]]:
    """Accuracies and time by method, below a heading."""
    split = results.get("evaluate_on", "test")
    rows = [["method", f"{split} accuracy %", "train accuracy %", "training s", "seeds"]]
    for method in methods:
        seeds = results[method]
        rows.append(
            [
                METHOD_NAMES[method],
                spread([100 * seed["test_accuracy"] for seed in seeds]),
                spread([100 * seed["train_accuracy"] for seed in seeds]),
                spread([seed["seconds"] for seed in seeds], digits=1),
                str(len(seeds)),
            ]
        )
    return rows


def _layers(results: dict[str, Any], methods: Sequence[Method], width: int) -> list[str]:
    row_names, columns = layer_columns(results, methods, max(width // 3, 20))
    tables = blocks(row_names, columns, width)
    if any(cell.endswith("*") for group in columns for column in group for cell in column):
        tables[-1] += "\n* flagged, in at least one seed: docs/flags.md"
    return tables


def layer_columns(
    results: dict[str, Any], methods: Sequence[Method], longest: int
) -> tuple[list[list[str]], list[list[list[str]]]]:
    """The columns that name the layers, and those of each measure; each begins with its heading.

    Args:
        results: The document ``results.json``.
        methods: The methods whose layers have a row.
        longest: Largest number of characters of a layer's name.
    """
    names = (name for m in methods for layer in results[m][0]["layers"] for name in layer)
    groups = column_groups(n for n in dict.fromkeys(names) if n not in RESERVED_NAMES)
    layers = [
        (method, [seed["layers"][index] for seed in results[method]])
        for method in methods
        for index in range(len(results[method][0]["layers"]))
    ]
    row_names = [
        ["", *(METHOD_NAMES[method] for method, _ in layers)],
        ["layer", *(abridged(seeds[0]["name"], longest) for _, seeds in layers)],
    ]
    columns = [
        [
            [
                q.heading,
                *(
                    _value(q, [seed[q.name] for seed in seeds if q.name in seed])
                    for _, seeds in layers
                ),
            ]
            for q in g
        ]
        for g in groups
    ]
    return row_names, columns


def _value(quantity: Quantity, values: Sequence[Any]) -> str:
    """Mean and standard deviation of numbers or estimates over seeds, with a star if one has a flag.

    A single estimate has its standard error instead; a dash stands for an optional value that the layer does not have.
    """
    if not values:
        return "-"
    if not isinstance(values[0], dict):
        factor = 100 if quantity.unit == "%" else 1
        return spread([factor * value for value in values], _DIGITS.get(quantity.unit, 2))
    estimates = [Estimate.from_dict(value) for value in values]
    if len(estimates) == 1:
        text = f"{estimates[0].mi:.2f} ± {estimates[0].stderr:.2f}"
    else:
        text = spread([estimate.mi for estimate in estimates])
    return text + "*" * any(estimate.flags for estimate in estimates)


def footnote(results: dict[str, Any], methods: Sequence[Method], width: int) -> str:
    """What all values of the layers have in common: samples, noise, limits and flags."""
    seeds = len(results[methods[0]])
    objective = results["objective"]
    # earlier versions measured the plane with the noise of the training
    plane = results.get("plane") or {"on": "test", "unit": "nats", **objective}
    factor = 1 / math.log(2) if plane["unit"] == "bits" else 1.0
    ln_n = f"{'log2' if plane['unit'] == 'bits' else 'ln'} N = {factor * results['ln_n']:.2f}"
    flags = flags_of(results, methods)
    samples = _SAMPLES[plane["on"]]
    if results.get("evaluate_on") == "validation":
        samples = samples.replace("test", "validation")
    pieces = [
        f"± s.d. over {seeds} seeds" if seeds > 1 else "± standard error",
        f"{plane['unit']}, on {results['plane_samples']} {samples}: "
        f"{ln_n}, H(Y) = {factor * results['label_entropy']:.2f}",
        f"sigma {noise_words(plane)}",
        *([_training_words(objective)] if "layerwise" in methods else []),
        *_data_words(results),
        f"always the most frequent class of training: {100 * results['majority_accuracy']:.1f} %",
        *([f"flags: {', '.join(flags)}"] if flags else []),
    ]
    return filled(pieces, width)


def _training_words(objective: dict[str, Any]) -> str:
    """The noise and the objective of layer-wise training."""
    return (
        f"trained with sigma {numbers(objective['noise_std'])} ({objective['noise_scale']}), "
        f"{objective_words(objective, 'beta ')}"
    )


def _data_words(results: dict[str, Any]) -> list[str]:
    """What was done to the training samples; earlier versions did not record it."""
    share, noise = results.get("train_share", 1.0), results.get("label_noise", 0.0)
    pieces = [f"{100 * share:g} % of the training samples"] if share < 1 else []
    return [*pieces, *([f"{100 * noise:g} % of the labels drawn at random"] if noise else [])]


def flags_of(results: dict[str, Any], methods: Sequence[Method]) -> list[str]:
    """The flags of all values that are shown."""
    return sorted(
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
