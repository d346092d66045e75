"""Verdicts on a family of differences: better, worse, equivalent, identical, or undecided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ibtrain.config import METHODS
from ibtrain.config.recipes import margin_of
from ibtrain.runs.differences import Difference, difference

__all__ = ["ALPHA", "Outcome", "Verdict", "holm", "judge", "results_verdict"]

ALPHA = 0.05
"""Probability of a wrong verdict of superiority within a family, and of a wrong one of equivalence."""

Outcome = Literal["better", "worse", "equivalent", "identical", "undecided"]


@dataclass(frozen=True)
class Verdict:
    """What the seeds show about a difference.

    Args:
        difference: The difference.
        margin: Largest difference that makes no difference in practice, as a share.
        p: p value of the test that the difference is 0, adjusted for its family; None without an interval.
        equivalence_p: p value of the test that the difference is not within the margin, adjusted for its family.
        family: Number of differences that were tested together.
    """

    difference: Difference
    margin: float
    p: float | None
    equivalence_p: float | None
    family: int

    @property
    def is_equivalent(self) -> bool:
        """Whether the difference is within the margin. It may be so and differ from 0 too."""
        return self.equivalence_p is not None and self.equivalence_p < ALPHA

    @property
    def outcome(self) -> Outcome:
        """Whether the first is better or worse than the second, equivalent or identical to it, or the seeds can't tell."""
        if self.difference.is_zero:
            return "identical"
        if self.p is not None and self.p < ALPHA:
            return "better" if self.difference.value > 0 else "worse"
        return "equivalent" if self.is_equivalent else "undecided"

    def to_dict(self) -> dict[str, Any]:
        """The verdict as JSON, with the difference."""
        return {
            **self.difference.to_dict(),
            "margin": self.margin,
            "p": self.p,
            "equivalence_p": self.equivalence_p,
            "family": self.family,
            "outcome": self.outcome,
            "is_equivalent": self.is_equivalent,
        }


def holm(p_values: Sequence[float]) -> list[float]:
    r"""Adjusts p values of a family of tests by Holm's step-down method.

    With the sorted values :math:`p_{(1)} \le \dots \le p_{(m)}`, the i-th becomes :math:`\max_{j \le i} \min(1, (m - j +
    1) p_{(j)})`. To reject those below :math:`\alpha` makes at least one wrong rejection with at most that probability,
    however the tests depend on each other.

    Args:
        p_values: The p values.

    Returns:
        The adjusted p values, in the same order.

    References:
        Holm (Scandinavian Journal of Statistics 6, 1979).

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def judge(differences: Sequence[Difference], margins: Sequence[float]) -> list[Verdict]:
    """Judges a family of differences, with Holm's adjustment of the tests of superiority, and of those of equivalence.

    Differences without an interval are not tested.

    Args:
        differences: The differences.
        margins: The margin of each, as a share.
    """
    pairs = list(zip(differences, margins, strict=True))
    superiority = _adjusted([found.p_value for found, _ in pairs])
    equivalence = _adjusted([found.equivalence_p(margin) for found, margin in pairs])
    family = sum(found.has_interval for found in differences)
    return [
        Verdict(found, margin, p, equivalence_p, family)
        for (found, margin), p, equivalence_p in zip(pairs, superiority, equivalence, strict=True)
    ]


def results_verdict(document: Mapping[str, Any]) -> Verdict | None:
    """The verdict on layer-wise minus end-to-end training in a run.

    Args:
        document: The run's ``results.json``.

    Returns:
        The verdict; None if a method is missing.
    """
    values = [
        {entry["seed"]: entry["test_accuracy"] for entry in document.get(method, [])}
        for method in METHODS
    ]
    found = difference(*values)
    if found is None:
        return None
    # earlier versions did not record it
    margin = margin_of(document.get("dataset", ""), document.get("margin"))
    return judge([found], [margin / 100])[0]


def _adjusted(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusts the p values that exist."""
    adjusted = iter(holm([p for p in p_values if p is not None]))
    return [None if p is None else next(adjusted) for p in p_values]
