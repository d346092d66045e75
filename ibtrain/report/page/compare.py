"""The comparison of runs in the document of a page: their parameters, and differences of their test accuracies.

A difference is ``{first, second, method, kind, seeds, value, low, high}``: first minus second, in percentage points, with a 95 % interval where
there are at least two seeds. ``kind`` is ``paired`` over the seeds that both have, or ``unpaired`` (Welch) where they share none.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev, variance
from typing import Any

from scipy.special import stdtrit

from ibtrain.report.page.about import flat
from ibtrain.report.page.numbers import number
from ibtrain.report.page.run import ReportedRun
from ibtrain.report.style import METHOD_NAMES

__all__ = ["accuracy_difference", "differences", "parameters"]

LEVEL = 0.95
"""Coverage of the intervals."""


def parameters(runs: Sequence[ReportedRun]) -> list[dict[str, Any]]:
    """The settings of all runs as texts; those that differ come first."""
    settings = [dict(flat(run.config.to_dict())) for run in runs]
    rows = []
    for name in dict.fromkeys(name for table in settings for name in table):
        texts = [table.get(name, "") for table in settings]
        rows.append({"name": name, "values": texts, "differs": len(set(texts)) > 1})
    return sorted(rows, key=lambda row: not row["differs"])


def differences(runs: Sequence[ReportedRun]) -> list[dict[str, Any]]:
    """Layer-wise minus end-to-end training in each run, and each run minus the first one for each method."""
    rows = []
    for run in runs:
        if {"layerwise", "end_to_end"} <= {*run.methods}:
            names = [METHOD_NAMES[method] for method in ("layerwise", "end_to_end")]
            labels = dict(zip(("first", "second"), names, strict=True))
            pair = _accuracies(run, "layerwise"), _accuracies(run, "end_to_end")
            rows.append({**labels, "where": run.name, **accuracy_difference(*pair)})
    for run in runs[1:]:
        for method in runs[0].methods:
            if method in run.methods:
                pair = _accuracies(run, method), _accuracies(runs[0], method)
                labels = {"first": run.name, "second": runs[0].name}
                row = {**labels, "where": METHOD_NAMES[method], **accuracy_difference(*pair)}
                rows.append(row)
    return rows


def accuracy_difference(first: Mapping[int, float], second: Mapping[int, float]) -> dict[str, Any]:
    r"""The difference of two mean accuracies, in percentage points, with its interval.

    Over n shared seeds: :math:`\bar d \pm t_{0.975, n-1} s_d / \sqrt n` with the standard deviation :math:`s_d` of the seeds' differences.
    Without shared seeds: Welch's interval.

    Args:
        first: Accuracies by seed, from 0 to 1.
        second: Those that are subtracted.

    Returns:
        ``kind``, the number of ``seeds``, ``value``, ``low`` and ``high``; the last two are None for a single seed.
    """
    shared = sorted({*first} & {*second})
    if shared:
        pairs = [100 * (first[seed] - second[seed]) for seed in shared]
        value, count, kind = fmean(pairs), str(len(pairs)), "paired"
        has_interval = len(pairs) > 1
        error = stdev(pairs) / math.sqrt(len(pairs)) if has_interval else math.nan
        freedom = len(pairs) - 1.0
    else:
        a, b = ([100 * x for x in group.values()] for group in (first, second))
        value, count, kind = fmean(a) - fmean(b), f"{len(a)} and {len(b)}", "unpaired"
        has_interval = min(len(a), len(b)) > 1
        error, freedom = _welch(a, b) if has_interval else (math.nan, math.nan)
    half = error * stdtrit(freedom, (1 + LEVEL) / 2) if error else error
    return {
        "kind": kind,
        "seeds": count,
        "value": number(value),
        "low": number(value - half),
        "high": number(value + half),
    }


def _welch(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Standard error of a difference of means, and its degrees of freedom (Welch, 1947)."""
    parts = [variance(group) / len(group) for group in (first, second)]
    total = sum(parts)
    if total == 0:
        return 0.0, 1.0
    spread = sum(p**2 / (len(g) - 1) for p, g in zip(parts, (first, second), strict=True))
    return math.sqrt(total), total**2 / spread


def _accuracies(run: ReportedRun, method: Any) -> dict[int, float]:
    return {result.seed: result.accuracies["test"] for result in run.methods[method]}
