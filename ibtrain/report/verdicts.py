"""Verdicts on differences of accuracies, in words."""

from collections.abc import Sequence
from typing import get_args

from ibtrain.config import METHODS
from ibtrain.report.style import METHOD_NAMES
from ibtrain.runs.comparisons import Comparison
from ibtrain.runs.verdicts import Outcome, Verdict

__all__ = [
    "METHODS_FAMILY",
    "arm_names",
    "outcome_words",
    "overall_words",
    "p_words",
    "points",
    "results_words",
    "verdict_words",
]

METHODS_FAMILY = f"{METHOD_NAMES[METHODS[0]]} against {METHOD_NAMES[METHODS[1]]}"
LOWEST_P = 0.001
"""p values below it are not written out."""


def verdict_words(verdict: Verdict, first: str, second: str) -> str:
    """A verdict as a sentence, without its point.

    Args:
        verdict: The verdict.
        first: Name of what the difference is of.
        second: Name of what is subtracted.
    """
    found = verdict.difference
    if verdict.outcome == "identical":
        return f"{first} and {second} have the same accuracy with each of {_seeds(verdict)}"
    if not found.has_interval:
        return f"undecided: {_no_spread_words(verdict, first, second)}"
    margin = f"{100 * verdict.margin:g} points"
    if verdict.outcome in ("better", "worse"):
        sign = 1 if verdict.outcome == "better" else -1
        ends = sorted(100 * sign * end for end in (found.low, found.high))
        within = f", but by less than the margin of {margin}" if verdict.is_equivalent else ""
        return (
            f"{first} is {verdict.outcome} than {second} by {abs(100 * found.value):.2f} points "
            f"(95 % interval {ends[0]:.2f} to {ends[1]:.2f}; {_p_of(verdict, verdict.p)}){within}"
        )
    if verdict.outcome == "equivalent":
        # the two one-sided tests at 5 % are the interval of 90 %
        low, high = found.interval(0.9)
        return (
            f"{first} and {second} are equivalent within {margin} (difference {points(found.value)}, "
            f"90 % interval {points(low)} to {points(high)}; {_p_of(verdict, verdict.equivalence_p)})"
        )
    count = found.seeds_for(verdict.margin)
    wanted = f"; about {count} seeds would give an interval of ± {margin}" if count else ""
    wanted = wanted if count and count > found.counts[0] else ""
    return (
        f"undecided: {_seeds(verdict)} can't tell {first} from {second} (difference {points(found.value)}, "
        f"95 % interval {points(found.low)} to {points(found.high)}; {_p_of(verdict, verdict.p)}){wanted}"
    )


def outcome_words(verdict: Verdict) -> str:
    """A verdict in a word or two."""
    small = " (within margin)" if verdict.is_equivalent else ""
    return verdict.outcome + small * (verdict.outcome != "equivalent")


def overall_words(verdicts: Sequence[Verdict], what: str) -> str:
    """The verdicts on a family, counted, in a sentence without its point.

    Args:
        verdicts: The verdicts of the family.
        what: What is compared with what.
    """
    margins = sorted({100 * verdict.margin for verdict in verdicts})
    within = " or ".join(f"{margin:g}" for margin in margins)
    outcomes = [verdict.outcome for verdict in verdicts]
    extra = {"equivalent": f" within {within} points"}
    text = ", ".join(
        f"{outcome}{extra.get(outcome, '')} in {outcomes.count(outcome)}"
        for outcome in get_args(Outcome)
        if outcome != "identical" or outcome in outcomes
    )
    adjusted = ", Holm-adjusted" if len(verdicts) > 1 else ""
    plural = "s" if len(verdicts) > 1 else ""
    return f"{what}, {len(verdicts)} comparison{plural} at 5 %{adjusted}: {text}"


def arm_names(comparison: Comparison) -> tuple[str, str, str]:
    """Names of both sides of a comparison, and of what they have in common."""
    first, second = comparison.first, comparison.second
    if first.method == second.method:
        return first.run, second.run, METHOD_NAMES[first.method]
    names = [f"{arm.run} ({METHOD_NAMES[arm.method]})" for arm in (first, second)]
    return names[0], names[1], ""


def results_words(verdict: Verdict) -> str:
    """The verdict on both methods of a run."""
    return verdict_words(verdict, *(METHOD_NAMES[method] for method in METHODS))


def points(share: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * share:+z.2f}"


def p_words(p: float | None) -> str:
    """A p value with two digits that count; a dash stands for none."""
    if p is None:
        return "-"
    return f"< {LOWEST_P:g}" if p < LOWEST_P else f"{p:.2g}"


def _p_of(verdict: Verdict, p: float | None) -> str:
    return f"{'Holm-adjusted ' * (verdict.family > 1)}p {p_words(p)}"


def _seeds(verdict: Verdict) -> str:
    counts = verdict.difference.counts
    if verdict.difference.kind == "unpaired":
        return f"{counts[0]} and {counts[1]} seeds"
    return f"{counts[0]} seed{'s' * (counts[0] > 1)}"


def _no_spread_words(verdict: Verdict, first: str, second: str) -> str:
    """Why there is no interval."""
    found = verdict.difference
    if found.stderr:
        return f"a single seed can't tell {first} from {second} (difference {points(found.value)})"
    return f"{first} and {second} differ by {points(found.value)} with each of {_seeds(verdict)}, so that nothing shows the spread"
