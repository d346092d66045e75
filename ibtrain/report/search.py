"""The trials of a search as text."""

from collections.abc import Mapping, Sequence
from typing import Any

from ibtrain.report.comparison import short_names
from ibtrain.report.style import METHOD_NAMES
from ibtrain.report.table import spread
from ibtrain.report.text import table, wrapped
from ibtrain.report.verdicts import verdict_words
from ibtrain.runs.comparisons import Comparison
from ibtrain.runs.summary import RunSummary
from ibtrain.text import setting_text

__all__ = ["final_text", "search_text"]

SHOWN = 5
"""Number of trials that are shown of each method."""


def search_text(document: Mapping[str, Any], width: int) -> str:
    """The best trials of each method, and its budget.

    Args:
        document: The document ``search.json``.
        width: Largest number of characters in a line of text.
    """
    sections = []
    for method, found in document["methods"].items():
        tried = found["tried"]
        names = short_names(list(tried[0]["settings"]))
        rows = [[METHOD_NAMES[method], *names.values(), "validation %"]]
        for trial in tried[:SHOWN]:
            values = [100 * value for value in trial["seeds"].values()]
            settings = [setting_text(trial["settings"][name]) for name in names]
            rows.append([trial["name"], *settings, spread(values) if values else "failed"])
        failed = f", {found['failed']} of which failed" if found["failed"] else ""
        budget = (
            f"{found['trials']} trials{failed}, the best {min(SHOWN, len(tried))} shown; {found['epochs']} epochs in "
            f"{found['seconds']:.0f} s of training"
        )
        sections.append("\n".join([table(rows), *wrapped(budget, width)]))
    return "\n\n".join(sections)


def final_text(runs: Sequence[RunSummary], comparisons: Sequence[Comparison], width: int) -> str:
    """Test accuracies of the final runs, and the verdict on their difference.

    Args:
        runs: The final runs.
        comparisons: Their comparison; none of a single run.
        width: Largest number of characters in a line of text.
    """
    rows = [["best settings", "test accuracy %", "seeds"]]
    for run in runs:
        for method in run.accuracies:
            values = [100 * value for value in run.test(method).values()]
            rows.append([METHOD_NAMES[method], spread(values), str(len(values))])
    sentences = [
        verdict_words(
            each.verdict, METHOD_NAMES[each.first.method], METHOD_NAMES[each.second.method]
        )
        for each in comparisons
    ]
    return "\n".join([table(rows), *(line for text in sentences for line in wrapped(text, width))])
