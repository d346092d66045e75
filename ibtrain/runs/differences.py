"""Differences of accuracies between trainings: confidence intervals, and tests of superiority and equivalence."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev, variance
from typing import Any, Literal

from scipy.special import stdtr, stdtrit

__all__ = ["Difference", "difference", "mean_over_seeds"]

LEVEL = 0.95
"""Coverage of the intervals."""
RESOLUTION = 1e-9
"""Standard error below which all values are the same up to rounding: accuracies are counts of samples."""
MAX_SEEDS = 1000
"""Largest number of seeds that is recommended."""


@dataclass(frozen=True)
class Difference:
    """A difference of two mean shares, with its standard error.

    Args:
        value: The difference.
        stderr: Its standard error: infinite if a group has a single value, 0 if all seeds have the same difference.
        freedom: Degrees of freedom of the standard error.
        kind: ``paired`` over the seeds that both have, or ``unpaired`` where they share none.
        counts: Number of seeds of each group; of a paired difference, the number of pairs twice.
    """

    value: float
    stderr: float
    freedom: float
    kind: Literal["paired", "unpaired"]
    counts: tuple[int, int]

    @property
    def has_interval(self) -> bool:
        """Whether the values have a spread, from which an interval and a p value can be computed."""
        return 0 < self.stderr < math.inf

    @property
    def is_zero(self) -> bool:
        """Whether both have the same value with every seed."""
        return self.stderr == 0 and abs(self.value) < RESOLUTION

    @property
    def low(self) -> float:
        """Lower end of the 95 % confidence interval; minus infinity without an interval."""
        return self.interval(LEVEL)[0]

    @property
    def high(self) -> float:
        """Upper end of the 95 % confidence interval; infinity without an interval."""
        return self.interval(LEVEL)[1]

    def interval(self, level: float) -> tuple[float, float]:
        """Confidence interval by Student's t distribution.

        Args:
            level: Coverage.
        """
        if not self.has_interval:
            return -math.inf, math.inf
        half = self.stderr * float(stdtrit(self.freedom, (1 + level) / 2))
        return self.value - half, self.value + half

    @property
    def p_value(self) -> float | None:
        """p value of the two-sided t test of the hypothesis that the true difference is 0; None without an interval."""
        if not self.has_interval:
            return None
        return 2 * float(stdtr(self.freedom, -abs(self.value) / self.stderr))

    def equivalence_p(self, margin: float) -> float | None:
        r"""p value of the two one-sided t tests (TOST) of the hypothesis that the true difference is not within a margin.

        The larger p value of both tests is :math:`F_\nu((|d| - m) / s)` with the distribution :math:`F_\nu` of Student's t
        and the standard error s.

        Args:
            margin: The margin m, chosen before the data were seen.

        Returns:
            The p value; None without an interval.

        References:
            Schuirmann (Journal of Pharmacokinetics and Biopharmaceutics 15, 1987).
        """
        if not self.has_interval:
            return None
        return float(stdtr(self.freedom, (abs(self.value) - margin) / self.stderr))

    def seeds_for(self, half_width: float) -> int | None:
        """Number of seeds with which the 95 % interval of a paired difference would have a half width.

        Args:
            half_width: The half width.

        Returns:
            The number, if the spread stays as it is; None without an interval, for unpaired differences, or above 1000.
        """
        if not self.has_interval or self.kind == "unpaired":
            return None
        spread = self.stderr * math.sqrt(self.counts[0])
        for count in range(2, MAX_SEEDS + 1):
            if spread * float(stdtrit(count - 1, (1 + LEVEL) / 2)) <= half_width * math.sqrt(count):
                return count
        return None

    def to_dict(self) -> dict[str, Any]:
        """The difference as JSON, with None for numbers that do not exist."""
        has_interval = self.has_interval
        return {
            "value": self.value,
            "stderr": self.stderr if has_interval else None,
            "low": self.low if has_interval else None,
            "high": self.high if has_interval else None,
            "kind": self.kind,
            "counts": list(self.counts),
        }


def difference(first: Mapping[int, float], second: Mapping[int, float]) -> Difference | None:
    r"""Difference of two mean values over seeds, with its standard error.

    Over n shared seeds :math:`\bar d`, with the standard error :math:`s_d / \sqrt n` of the seeds' differences and n - 1
    degrees of freedom; without shared seeds, Welch's. Trainings of the same seed start from the same weights and
    see the data in the same order, so that paired differences vary less than the values.

    Args:
        first: Values by seed.
        second: Values by seed, which are subtracted.

    Returns:
        The difference; None if either has no value.

    References:
        Student (Biometrika 6, 1908); Welch (Biometrika 34, 1947).

    Example:
        >>> found = difference({0: 0.75, 1: 0.75, 2: 0.625}, {0: 0.5, 1: 0.25, 2: 0.25})
        >>> print(f"{found.value:.3f}, {found.low:.3f} to {found.high:.3f}, p {found.p_value:.3f}")
        0.375, 0.064 to 0.686, p 0.035
    """
    if not first or not second:
        return None
    shared = sorted({*first} & {*second})
    if shared:
        pairs = [first[seed] - second[seed] for seed in shared]
        count = len(pairs)
        error = stdev(pairs) / math.sqrt(count) if count > 1 else math.inf
        return Difference(
            fmean(pairs), _spread(error), max(count - 1.0, 1.0), "paired", (count, count)
        )
    groups = [*first.values()], [*second.values()]
    value, counts = fmean(groups[0]) - fmean(groups[1]), (len(first), len(second))
    error, freedom = _welch(*groups) if min(counts) > 1 else (math.inf, 1.0)
    return Difference(value, _spread(error), freedom, "unpaired", counts)


def mean_over_seeds(values: Mapping[int, float]) -> Difference | None:
    """Mean of values over seeds with its standard error and interval: their difference from 0.

    Args:
        values: Values by seed.

    Returns:
        The mean; None without a value.
    """
    return difference(values, dict.fromkeys(values, 0.0))


def _spread(error: float) -> float:
    """The standard error, without what rounding leaves of equal values."""
    return error if error > RESOLUTION else 0.0


def _welch(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Standard error of a difference of means, and its degrees of freedom."""
    parts = [variance(group) / len(group) for group in (first, second)]
    total = sum(parts)
    if total == 0:
        return 0.0, 1.0
    spread = sum(p**2 / (len(g) - 1) for p, g in zip(parts, (first, second), strict=True))
    return math.sqrt(total), total**2 / spread
