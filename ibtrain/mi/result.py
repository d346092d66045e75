"""What every estimator returns: a number with its error, its ceiling and its warnings."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FLAGS", "UNITS", "Estimate", "plug_in_stderr", "value_flags"]

UNITS = ("nats", "bits")

FLAGS = {
    "above_ceiling": "it touches the most that the method can report from this many samples",
    "above_label_entropy": "it touches H(Y), which no label's information exceeds",
    "below_neighbours": "nearest neighbours find more: the critic has not learned all there is",
    "coarse_bins": "nearly all samples of a coordinate share one bin: use equal-count bins, or more of them",
    "constant": "one side never varies, and can tell nothing",
    "copies": "rows occur more than once: copies were left out, as they are no samples of their own",
    "deterministic": "one side is a function of the other: the true value is infinite",
    "lagging": "a fresh critic finds more: the one that followed the layer is behind it",
    "negative": "it is below zero by more than three standard errors",
    "not_converged": "the critic was still improving: more steps would say more",
    "overfit": "the critic says more of its training samples than of others",
    "serial": "rows depend on the rows before them, as in a time series: errors are too small (--blocks)",
    "undersampled": "there are too few samples for so many dimensions or cells",
}
"""What each flag warns of."""

STANDARD_ERRORS = 2.0
BELOW_ZERO = 3.0
"""Standard errors below zero from which on a value is no chance any more."""
SHARE = 0.01
"""A value touches its ceiling within so many standard errors of it, or within this share of it."""


@dataclass(frozen=True)
class Estimate:
    r"""A mutual information, in nats unless ``unit`` says bits.

    Args:
        mi: The value; never clipped.
        stderr: Its standard error.
        method: What estimated it.
        ceiling: What the method, on this many samples, can at most report: the logarithm of the samples that a
            critic's value is read off, :math:`\psi(n) - \psi(k)` for ``ksg``, the smaller entropy of the cells
            for ``binning``, what rounding leaves of ``gaussian``, the entropy of a label; infinite (``null``
            in JSON) where nothing limits it.
        flags: Reasons to distrust the value, of :data:`FLAGS`.
        n_train: Samples that a critic was fitted to; 0 where there is none.
        n_test: Samples that the value was measured on.
        seconds: What it took.
        secondary: Another reading of the same critic: for a label, H(Y) less the cross-entropy of
            its prediction.
        unit: ``nats`` or ``bits``, of the value, its error, its ceiling and the entropy.
        shuffled: The same method's estimate for samples with shuffled y, which is 0 in truth.
        read_as: How ``x`` and ``y`` were read, in words.
        entropy: The smaller entropy of the discrete sides; None where both are continuous.
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
    shuffled: "Estimate | None" = None
    read_as: dict[str, str] | None = None
    entropy: float | None = None

    @property
    def normalized(self) -> float:
        r"""The value on a scale from 0 to 1, whatever its unit.

        With a discrete side its share of that side's entropy (of the smaller entropy of two); otherwise
        :math:`\sqrt{1 - e^{-2I}}`, the absolute correlation of a bivariate normal distribution with so
        much information (Linfoot, An informational measure of correlation, 1957).
        """
        value = min(max(self.mi, 0.0), self.ceiling)
        if self.entropy is not None:
            return value / self.entropy if self.entropy > 0 else 0.0
        nats = value * (math.log(2) if self.unit == "bits" else 1.0)
        return math.sqrt(-math.expm1(-2 * nats))

    def to_unit(self, unit: str) -> "Estimate":
        """The same estimate in nats or in bits.

        Args:
            unit: One of :data:`UNITS`.
        """
        if unit == self.unit:
            return self
        factor = math.log(2) if unit == "nats" else 1 / math.log(2)
        others = {
            name: part and part.to_unit(unit)
            for name in ("secondary", "shuffled")
            for part in [getattr(self, name)]
        }
        values = {
            name: getattr(self, name) * factor
            for name in ("mi", "stderr", "ceiling", "entropy")
            if getattr(self, name) is not None
        }
        return replace(self, unit=unit, **values, **others)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, in the order that the documentation shows."""
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
        for name in ("secondary", "shuffled"):
            if part := getattr(self, name):
                fields[name] = part.to_dict()
        if self.entropy is not None:
            fields["entropy"] = self.entropy
        return fields | ({"read_as": self.read_as} if self.read_as else {})

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "Estimate":
        """The inverse of :meth:`to_dict`; files of version 0.1 may say ``beside`` for ``secondary``."""
        fields = dict(fields)
        if "beside" in fields:
            fields["secondary"] = fields.pop("beside")
        ceiling = math.inf if fields["ceiling"] is None else fields["ceiling"]
        replaced: dict[str, Any] = {"ceiling": ceiling, "flags": tuple(fields["flags"])}
        for name in ("secondary", "shuffled"):
            replaced[name] = cls.from_dict(fields[name]) if fields.get(name) else None
        return cls(**{**fields, **replaced})


def value_flags(
    mi: float, stderr: float, *, ceiling: float = math.inf, is_entropy: bool = False
) -> tuple[str, ...]:
    """The flags that follow from the value itself.

    Args:
        mi: The value in nats.
        stderr: Its standard error.
        ceiling: What the method can at most report.
        is_entropy: Whether the ceiling is H(Y), where one side is a label.
    """
    flags = []
    if ceiling < math.inf and mi + max(STANDARD_ERRORS * stderr, SHARE * ceiling) >= ceiling:
        flags.append("above_label_entropy" if is_entropy else "above_ceiling")
    if mi + BELOW_ZERO * stderr < 0:
        flags.append("negative")
    return tuple(flags)


def plug_in_stderr(terms: NDArray[np.float64], freedom: int) -> float:
    r"""Standard error of a mean log-ratio whose parameters come from the same samples.

    Where the two sides are independent the log-ratios would all be zero, 2n times the value is
    chi-squared, of variance :math:`2 f`, and the fitted log-ratios vary by :math:`f / n` for nothing;
    where they are not, the variance v of the log-ratios rules:

    .. math:: \max\left(\frac{v}{n} - \frac{f}{n^2}, 0\right) + \frac{f}{2 n^2}

    Args:
        terms: The fitted log-ratios, ``(n,)``.
        freedom: Parameters that tie the two sides together, f.

    References:
        Wilks, The large-sample distribution of the likelihood ratio (1938).
    """
    count = len(terms)
    variance = float(terms.var()) / count
    first = max(variance - freedom / count**2, 0.0)
    return math.sqrt(first + freedom / (2 * count**2))
