"""The comparison of runs in the document of a page: their parameters, and differences of their test accuracies.

A difference is ``{first, second, where, kind, seeds, value, low, high, p, verdict}``: first minus second, in percentage points, with a 95 %
interval where there are at least two seeds. ``kind`` is ``paired`` over the seeds that both have, or ``unpaired`` (Welch) where they share
none. The p value and the verdict, a sentence, are adjusted by Holm's method for all differences between methods, or all between runs.
"""

from collections.abc import Sequence
from typing import Any

from ibtrain.config import METHODS, Method
from ibtrain.config.settings import flattened
from ibtrain.report.page.about import flat
from ibtrain.report.page.numbers import number
from ibtrain.report.page.run import ReportedRun
from ibtrain.report.style import METHOD_NAMES
from ibtrain.report.verdicts import arm_names, p_words, verdict_words
from ibtrain.runs.comparisons import compare_runs, method_verdicts
from ibtrain.runs.summary import RunSummary
from ibtrain.runs.verdicts import Verdict

__all__ = ["difference_row", "differences", "parameters"]


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
    summaries = [_summary(run) for run in runs]
    names = dict(zip(("first", "second"), (METHOD_NAMES[m] for m in METHODS), strict=True))
    rows = [
        {**names, "where": run.name, **difference_row(verdict, *names.values())}
        for run, verdict in zip(summaries, method_verdicts(summaries), strict=True)
        if verdict
    ]
    for comparison in compare_runs(summaries):
        first, second, where = arm_names(comparison)
        labels = {"first": first, "second": second, "where": where}
        rows.append({**labels, **difference_row(comparison.verdict, first, second)})
    return rows


def difference_row(verdict: Verdict, first: str, second: str) -> dict[str, Any]:
    """The difference of two mean accuracies, in percentage points, with its interval and the verdict.

    Args:
        verdict: The verdict on the difference.
        first: Name of what the difference is of.
        second: Name of what is subtracted.

    Returns:
        ``kind``, the number of ``seeds``, ``value``, ``low``, ``high``, ``p`` and ``verdict``; without an interval, ``low``,
        ``high`` and ``p`` are None.
    """
    found = verdict.difference
    counts = " and ".join(map(str, found.counts))
    return {
        "kind": found.kind,
        "seeds": str(found.counts[0]) if found.kind == "paired" else counts,
        "value": number(100 * found.value),
        "low": number(100 * found.low),
        "high": number(100 * found.high),
        "p": p_words(verdict.p),
        "verdict": verdict_words(verdict, first, second),
    }


def _summary(run: ReportedRun) -> RunSummary:
    accuracies: dict[Method, Any] = {
        method: {"test": {result.seed: result.accuracies["test"] for result in results}}
        for method, results in run.methods.items()
        if results
    }
    return RunSummary(run.name, flattened(run.config.to_dict()), accuracies)
