"""The comparison of runs in the document of a page: their parameters, and differences of their test accuracies.

A difference is ``{first, second, method, kind, seeds, value, low, high}``: first minus second, in percentage points, with a 95 % interval where
there are at least two seeds. ``kind`` is ``paired`` over the seeds that both have, or ``unpaired`` (Welch) where they share none.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ibtrain.report.page.about import flat
from ibtrain.report.page.numbers import number
from ibtrain.report.page.run import ReportedRun
from ibtrain.report.style import METHOD_NAMES
from ibtrain.runs.differences import difference

__all__ = ["accuracy_difference", "differences", "parameters"]


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
    """The difference of two mean accuracies, in percentage points, with its interval.

    Args:
        first: Accuracies by seed, from 0 to 1.
        second: Those that are subtracted.

    Returns:
        ``kind``, the number of ``seeds``, ``value``, ``low`` and ``high``; the last two are None for a single seed.
    """
    found = difference(first, second)
    assert found is not None
    ends = (found.low, found.high) if found.has_interval else (math.nan, math.nan)
    counts = " and ".join(map(str, found.counts))
    return {
        "kind": found.kind,
        "seeds": str(found.counts[0]) if found.kind == "paired" else counts,
        "value": number(100 * found.value),
        "low": number(100 * ends[0]),
        "high": number(100 * ends[1]),
    }


def _accuracies(run: ReportedRun, method: Any) -> dict[int, float]:
    return {result.seed: result.accuracies["test"] for result in run.methods[method]}
