"""The training curves of a run in the document of a page.

A curve is ``{kind, method, stage, block, metric, seed, offset, value, spread}``: ``kind`` is ``accuracy``, ``loss`` or ``bound``, ``offset`` the number
of epochs before the stage, ``value`` and ``spread`` (standard deviation over seeds) lists over the epochs of the stage, and ``seed`` null for
the mean.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ibtrain.report.history import (
    is_accuracy,
    is_bound,
    is_loss,
    metric_of,
    metric_series,
    stage_offsets,
)
from ibtrain.report.page.numbers import numbers
from ibtrain.report.page.run import ReportedRun
from ibtrain.text import printable

__all__ = ["run_curves"]

KINDS = {"accuracy": is_accuracy, "loss": is_loss, "bound": is_bound}


def run_curves(run: ReportedRun) -> list[dict[str, Any]]:
    """The accuracies, losses and bounds of each stage: their means over seeds, and those of each seed."""
    seeds = sorted({event["seed"] for event in run.epochs})
    curves = _curves(run.epochs, None)
    if len(seeds) > 1:
        for seed in seeds:
            curves += _curves([event for event in run.epochs if event["seed"] == seed], seed)
    return curves


def _curves(events: Sequence[dict[str, Any]], seed: int | None) -> list[dict[str, Any]]:
    series = metric_series(events)
    offsets = stage_offsets(series)
    curves = []
    for (method, stage, name), rows in series.items():
        with warnings.catch_warnings():
            # a seed may have stopped earlier than the others
            warnings.simplefilter("ignore", RuntimeWarning)
            mean, std = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
        curves.append(
            {
                "kind": next(kind for kind, is_kind in KINDS.items() if is_kind(name)),
                "method": method,
                "stage": printable(stage),
                "block": printable(name.rpartition(".")[0]),
                "metric": printable(metric_of(name)),
                "seed": seed,
                "offset": offsets.get(method, {}).get(stage, 0),
                "value": numbers(mean),
                "spread": numbers(std) if len(rows) > 1 else [],
            }
        )
    return curves
