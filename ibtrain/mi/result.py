"""The result of every estimator: a value with its standard error, its ceiling and its flags."""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ibtrain.lazy import html_method
from ibtrain.mi.permutation import PermutationTest

__all__ = ["FLAGS", "Estimate", "plain_estimate", "plug_in_stderr", "value_flags"]

FLAGS = {
    "above_ceiling": "the value has reached the largest that the method can resolve with this many samples",
    "above_label_entropy": "the value has reached H(Y), which the information about a label can't exceed",
    "bandwidth_limit": "the fitted bandwidth is at the end of its search: activations coincide",
    "below_neighbours": "a nearest-neighbour estimate is higher: the critic has not learned the whole dependence",
    "coarse_bins": "nearly all samples of a coordinate are in one bin: use equal-count bins, or more bins",
    "constant": "one side is constant, or z determines it: the information is zero",
    "copies": "rows occur more than once: the copies were left out, as they are not independent samples",
    "deterministic": "one side is a function of the other: the true value is infinite",
    "inactive": "units are exactly 0, where multiplicative noise is 0: the value contains which units are inactive",
    "lagging": "a fresh critic finds more: the tracked critic lags behind the layer",
    "nonlinear": "x or y depends on z otherwise than linearly in normal scores: regression does not remove all of it",
    "negative": "the value is more than three standard errors below zero",
    "not_converged": "the critic was still improving: more steps would raise the value",
    "overfit": "the value on the critic's training samples is higher than on held-out samples",
    "serial": "rows depend on earlier rows: standard errors are too small (in a time series, use --blocks; if rows were "
    "sorted by a column, shuffle them)",
    "undersampled": "there are too few samples for this many dimensions or cells",
}
"""Explanation of each flag."""

NEGATIVE_ERRORS = 3.0
"""Number of standard errors below zero at which a negative value is significant."""
INTERVAL_ERRORS = 2.4
"""Standard errors on either side of an interval of 95 %. It is 1.96 for errors that are normal and as large as their
standard error; the intervals of ``mine`` and ``ksg``, which leave a bias, cover the truth for 91 and 92 of 100 data sets
with 1.96, and for 97 and 96 with 2.4 (docs/estimators.md, coverage)."""
NORMAL_INTERVAL_ERRORS = 1.96
NORMAL_METHODS = ("gaussian", "binning", "plug-in")
"""Methods whose intervals of 1.96 standard errors cover what they estimate for 92 to 96 of 100 data sets."""
CEILING_ERRORS, CEILING_SHARE = 2.0, 0.01
"""A value has reached its ceiling within this many standard errors, or within this share of the ceiling."""


@dataclass(frozen=True)
class Estimate:
    r"""An estimate of mutual information, which may be conditional, in nats unless ``unit`` is ``bits``.

    Args:
        mi: Estimated value; never clipped.
        stderr: Standard error of the value.
        method: Name of the estimator.
        ceiling: Largest value that the method can resolve with this many samples: the logarithm of the number of
            samples on which a critic is evaluated, :math:`\psi(n) - \psi(k)` for ``ksg``, the smaller entropy of
            the cells for ``binning``, the limit of float64 for ``gaussian``, the entropy of a label; infinite
            (``null`` in JSON) if there is no limit. A value above it, which some methods can return, says no more
            than that the information has reached it.
        flags: Reasons to distrust the value, from :data:`FLAGS`.
        n_train: Number of samples that trained each critic; 0 without a critic.
        n_test: Number of samples on which the value was measured: with a critic, samples that neither trained it
            nor selected its checkpoint, of all critics together; without one, all samples.
        seconds: Duration of the estimation.
        secondary: Another bound with the same critic: for a label, H(Y) minus the cross-entropy of its prediction.
        unit: Unit of the value, its error, its ceiling and the entropy: ``nats`` or ``bits``.
        permutation: Test of independence by samples with shuffled y.
        read_as: Description in words of how ``x``, ``y`` and the condition ``z``, if there is one, were read.
        entropy: The smaller entropy of the discrete sides; None if both sides are continuous.
        n_select: Number of samples that selected the checkpoint of each critic.
        n_control: Number of samples on which the closed form, as a control variate, was measured, each in a part
            to which it was not fitted; 0 without one.
        critics: Number of critics, which report on disjoint samples (cross-fitting).
        seed: Seed of all random numbers; None if it is not known.
        version: Version of ibtrain.
        systematic: Part of the standard error that is an estimated bias: other samples from the same distribution may
            have it with the same sign. It is not part of the JSON form.
    """

    mi: float
    stderr: float
    method: str
    ceiling: float
    flags: tuple[str, ...] = ()
    n_train: int = 0
    n_test: int = 0
    seconds: float = 0.0
    unit: str = "nats"
    secondary: "Estimate | None" = None
    permutation: PermutationTest | None = None
    read_as: dict[str, str] | None = None
    entropy: float | None = None
    n_select: int = 0
    n_control: int = 0
    critics: int = 0
    seed: int | None = None
    version: str | None = None
    systematic: float = field(default=0.0, compare=False, repr=False)

    def __str__(self) -> str:
        flags = f" ({', '.join(self.flags)})" if self.flags else ""
        return f"{self.mi:.3f} ± {self.stderr:.3f} {self.unit}{flags}"

    @property
    def is_conditional(self) -> bool:
        """Whether this is an estimate of I(x; y | z), which says how it read z."""
        return "z" in (self.read_as or {})

    @property
    def is_saturated(self) -> bool:
        """Whether the information may be larger than the samples, or any samples, can show."""
        return "above_ceiling" in self.flags or "deterministic" in self.flags

    @property
    def interval(self) -> tuple[float, float]:
        """Confidence interval of 95 %: 2.4 standard errors on either side (1.96 for closed forms and counts).

        It is cut at zero, and at H(Y) for a label. If the value has reached its ceiling, it has no upper end: the
        second number is infinite, and the first at most the ceiling. The factor is that with which the intervals of
        estimates without flags cover the truth on problems with a known answer.
        """
        errors = NORMAL_INTERVAL_ERRORS if self.method in NORMAL_METHODS else INTERVAL_ERRORS
        low, high = (max(self.mi + sign * errors * self.stderr, 0.0) for sign in (-1, 1))
        if self.is_saturated:
            high = math.inf
        elif self.entropy is not None:
            high = min(high, self.ceiling)
        return min(low, self.ceiling), high

    @property
    def normalized(self) -> float:
        r"""The value on a scale from 0 to 1, independent of its unit.

        With a discrete side, the value divided by that side's entropy (with two, by the smaller entropy); otherwise
        :math:`\sqrt{1 - e^{-2I}}`, the absolute correlation of a bivariate normal distribution with the same
        mutual information (Linfoot, An informational measure of correlation, 1957).
        """
        value = min(max(self.mi, 0.0), self.ceiling)
        if self.entropy is not None:
            return value / self.entropy if self.entropy > 0 else 0.0
        nats = value * (math.log(2) if self.unit == "bits" else 1.0)
        return math.sqrt(-math.expm1(-2 * nats))

    def to_unit(self, unit: str) -> "Estimate":
        """Returns the same estimate in nats or in bits.

        Args:
            unit: One of :data:`~ibtrain.config.UNITS`.
        """
        if unit == self.unit:
            return self
        factor = math.log(2) if unit == "nats" else 1 / math.log(2)
        nested: dict[str, Any] = {
            "secondary": self.secondary and self.secondary.to_unit(unit),
            "permutation": self.permutation and self.permutation.scaled(factor),
        }
        values = {
            name: getattr(self, name) * factor
            for name in ("mi", "stderr", "ceiling", "entropy", "systematic")
            if getattr(self, name) is not None
        }
        return replace(self, unit=unit, **values, **nested)

    _repr_html_ = html_method("ibtrain.report.notebook:estimate_html")

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form, with the keys in the order of the documentation."""
        fields: dict[str, Any] = {
            "mi": self.mi,
            "stderr": self.stderr,
            "unit": self.unit,
            "method": self.method,
            "ceiling": self.ceiling if math.isfinite(self.ceiling) else None,
            "flags": list(self.flags),
            "n_train": self.n_train,
            "n_test": self.n_test,
            "seconds": self.seconds,
        }
        for name in ("secondary", "permutation"):
            if part := getattr(self, name):
                fields[name] = part.to_dict()
        for name in ("entropy", "seed", "version"):
            if getattr(self, name) is not None:
                fields[name] = getattr(self, name)
        if self.critics:
            names = ("critics", "n_select", "n_control")
            fields |= {name: getattr(self, name) for name in names}
        return fields | ({"read_as": self.read_as} if self.read_as else {})

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "Estimate":
        """Builds an estimate from its JSON form; files of version 0.1 may have ``beside`` instead of ``secondary``."""
        fields = dict(fields)
        if "beside" in fields:
            fields["secondary"] = fields.pop("beside")
        ceiling = math.inf if fields["ceiling"] is None else fields["ceiling"]
        replaced: dict[str, Any] = {"ceiling": ceiling, "flags": tuple(fields["flags"])}
        # a test of version 0.1 was a single estimate with shuffled y, which is not kept
        fields.pop("shuffled", None)
        if secondary := fields.get("secondary"):
            replaced["secondary"] = cls.from_dict(secondary)
        if permutation := fields.get("permutation"):
            replaced["permutation"] = PermutationTest(**permutation)
        return cls(**{**fields, **replaced})


def value_flags(
    mi: float, stderr: float, *, ceiling: float = math.inf, is_entropy: bool = False
) -> tuple[str, ...]:
    """Returns the flags that follow from the value itself.

    Args:
        mi: Value in nats.
        stderr: Standard error of the value.
        ceiling: Largest value that the method can report.
        is_entropy: Whether the ceiling is the entropy H(Y) of a label.
    """
    flags = []
    if ceiling < math.inf and mi + max(CEILING_ERRORS * stderr, CEILING_SHARE * ceiling) >= ceiling:
        flags.append("above_label_entropy" if is_entropy else "above_ceiling")
    if mi + NEGATIVE_ERRORS * stderr < 0:
        flags.append("negative")
    return tuple(flags)


def plain_estimate(
    mi: float,
    stderr: float,
    *,
    method: str,
    ceiling: float,
    n_test: int,
    seconds: float,
    is_entropy: bool = False,
) -> Estimate:
    """An estimate without a critic, with the flags that follow from its value; arguments as of :class:`Estimate`.

    Args:
        is_entropy: Whether the ceiling is H(Y), where one side is a label.
    """
    flags = value_flags(mi, stderr, ceiling=ceiling, is_entropy=is_entropy)
    return Estimate(mi, stderr, method, ceiling, flags, n_test=n_test, seconds=seconds)


def plug_in_stderr(terms: NDArray[np.float64], freedom: int) -> float:
    r"""Computes the standard error of a mean log-ratio whose parameters are fitted to the same samples.

    If the two sides are independent, the true log-ratios are all zero, 2n times the value is chi-squared with
    variance :math:`2 f`, and the fitted log-ratios have a spurious variance of :math:`f / n`; if the sides are
    dependent, the variance v of the log-ratios dominates:

    .. math:: \max\left(\frac{v}{n} - \frac{f}{n^2}, 0\right) + \frac{f}{2 n^2}

    Args:
        terms: Fitted log-ratios, ``(n,)``.
        freedom: Number f of the parameters that describe the dependence of the two sides.

    References:
        Wilks, The large-sample distribution of the likelihood ratio (1938).
    """
    count = len(terms)
    variance = float(terms.var()) / count
    excess_variance = max(variance - freedom / count**2, 0.0)
    return math.sqrt(excess_variance + freedom / (2 * count**2))
