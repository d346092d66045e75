"""Differences of accuracies between trainings, with confidence intervals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev, variance
from typing import Literal

from scipy.special import stdtrit

__all__ = ["Difference", "difference"]

LEVEL = 0.95
"""Coverage of the intervals."""


@dataclass(frozen=True)
class Difference:
    """A difference of two means and its 95 % confidence interval, without bounds where a group has a single value.

    Args:
        value: The difference.
        low: Lower end of the interval.
        high: Upper end of the interval.
        kind: ``paired`` over the seeds that both have, or ``unpaired`` where they share none.
        counts: Number of seeds of each group; of a paired difference, the number of pairs twice.
    """

    value: float
    low: float
    high: float
    kind: Literal["paired", "unpaired"]
    counts: tuple[int, int]

    @property
    def has_interval(self) -> bool:
        """Whether there are enough seeds for an interval."""
        return math.isfinite(self.high)


def difference(first: Mapping[int, float], second: Mapping[int, float]) -> Difference | None:
    r"""Difference of two mean values over seeds, with its 95 % confidence interval.

    Over n shared seeds, :math:`\bar d \pm t_{0.975, n-1} \, s_d / \sqrt n` with the standard deviation :math:`s_d` of the
    seeds' differences; without shared seeds, Welch's interval. Trainings of the same seed start from the same weights and
    see the data in the same order, so that paired differences vary less than the values.

    Args:
        first: Values by seed.
        second: Values by seed, which are subtracted.

    Returns:
        The difference; None if either has no value.

    References:
        Student (Biometrika 6, 1908); Welch (Biometrika 34, 1947).

    Example:
        >>> difference({0: 0.75, 1: 0.5}, {0: 0.5, 1: 0.25})
        Difference(value=0.25, low=0.25, high=0.25, kind='paired', counts=(2, 2))
    """
    if not first or not second:
        return None
    shared = sorted({*first} & {*second})
    if shared:
        pairs = [first[seed] - second[seed] for seed in shared]
        count = len(pairs)
        error = stdev(pairs) / math.sqrt(count) if count > 1 else math.inf
        return _difference(fmean(pairs), error, count - 1.0, "paired", (count, count))
    groups = [*first.values()], [*second.values()]
    value, counts = fmean(groups[0]) - fmean(groups[1]), (len(first), len(second))
    error, freedom = _welch(*groups) if min(counts) > 1 else (math.inf, 1.0)
    return _difference(value, error, freedom, "unpaired", counts)


def _difference(
    value: float,
    error: float,
    freedom: float,
    kind: Literal["paired", "unpaired"],
    counts: tuple[int, int],
) -> Difference:
    is_exact = error == 0
    half = (
        error if is_exact or math.isinf(error) else error * float(stdtrit(freedom, (1 + LEVEL) / 2))
    )
    return Difference(value, value - half, value + half, kind, counts)


def _welch(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Standard error of a difference of means, and its degrees of freedom."""
    parts = [variance(group) / len(group) for group in (first, second)]
    total = sum(parts)
    if total == 0:
        return 0.0, 1.0
    spread = sum(p**2 / (len(g) - 1) for p, g in zip(parts, (first, second), strict=True))
    return math.sqrt(total), total**2 / spread
