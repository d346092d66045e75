"""The metrics of a run by epoch, from its events."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ibtrain.backend.memory import check_memory
from ibtrain.checks import MAX_LAYERS, MAX_NAME
from ibtrain.config import METHODS, Method
from ibtrain.errors import RunFolderError

__all__ = [
    "Series",
    "Stages",
    "is_accuracy",
    "is_bound",
    "is_loss",
    "metric_of",
    "metric_series",
    "stage_offsets",
]

ACCURACIES = ("test_accuracy", "train_accuracy")
BOUNDS = ("mi_hy", "mi_ty", "mi_xt", "mi_hh")
MAX_CURVES = (len(BOUNDS) + len(ACCURACIES) + 1) * len(METHODS) * (MAX_LAYERS + 1)

Series = dict[tuple[Method, str, str], np.ndarray[Any, Any]]
"""Metrics by method, stage and name, ``(seeds, epochs)``; seeds that stopped early end in NaN."""
Stages = dict[Method, dict[str, int]]
"""Number of epochs before each stage, over all stages of its method."""


def is_accuracy(name: str) -> bool:
    """Whether a metric is an accuracy."""
    return name in ACCURACIES


def is_bound(name: str) -> bool:
    """Whether a metric is a bound of a block's critic."""
    return metric_of(name) in BOUNDS


def is_loss(name: str) -> bool:
    """Whether a metric is a training loss."""
    return metric_of(name) == "cross_entropy" or metric_of(name).endswith("_loss")


def metric_of(name: str) -> str:
    """Name of a metric without the prefix ``BLOCK.`` of blocks that train simultaneously."""
    return name.rpartition(".")[2]


def metric_series(events: Iterable[dict[str, Any]]) -> Series:
    """The accuracies, losses and bounds of all seeds by epoch.

    Args:
        events: The ``epoch`` events of ``metrics.jsonl``.

    Raises:
        RunFolderError: If there are too many metrics, or too long names.
    """
    metrics: dict[tuple[Method, str, str], dict[int, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for event in events:
        for name in event:
            if is_accuracy(name) or is_bound(name) or is_loss(name):
                key = event["method"], event["stage"], name
                metrics[key][event["seed"]].append(event[name])
                if len(event["stage"]) > MAX_NAME:
                    given = f"a stage's name of {len(event['stage'])} characters"
                    raise RunFolderError(given, f"at most {MAX_NAME}", "metrics.jsonl")
        if len(metrics) > MAX_CURVES:
            given = f"epochs of more than {MAX_CURVES} stages and bounds"
            raise RunFolderError(given, f"at most {MAX_CURVES}", "metrics.jsonl")
    return {key: _padded(list(by_seed.values())) for key, by_seed in metrics.items()}


def stage_offsets(series: Series) -> Stages:
    """Number of epochs before each stage, by method.

    Args:
        series: The metrics, of which the test accuracies tell the number of epochs.
    """
    offsets: Stages = defaultdict(dict)
    totals: dict[Method, int] = defaultdict(int)
    for (method, stage, name), values in series.items():
        if name == "test_accuracy":
            offsets[method][stage] = totals[method]
            totals[method] += values.shape[1]
    return dict(offsets)


def _padded(rows: Sequence[Sequence[float]]) -> np.ndarray[Any, Any]:
    size = 8 * len(rows) * max(map(len, rows))
    check_memory(size, "metrics of every seed and epoch", RunFolderError, "metrics.jsonl")
    values = np.full((len(rows), max(map(len, rows))), np.nan)
    for row, metrics in zip(values, rows, strict=True):
        row[: len(metrics)] = metrics
    return values
