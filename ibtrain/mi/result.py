"""What every estimator returns: a number with its error, its ceiling and its warnings."""

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["FLAGS", "Estimate", "flags_of", "plug_in_stderr"]

FLAGS = {
    "above_ceiling": "it touches the most that the method can report from this many samples",
    "above_label_entropy": "it touches H(Y), which no label's information exceeds",
    "constant": "one side never varies, and can tell nothing",
    "deterministic": "one side is a function of the other: the true value is infinite",
    "lagging": "a fresh critic finds more: the one that followed the layer is behind it",
    "negative": "it is below zero by more than three standard errors",
    "not_converged": "the critic was still improving: more steps would say more",
    "overfit": "the critic says more of its training samples than of others",
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
    """A mutual information in nats.

    Args:
        mi: The value; never clipped.
        stderr: Its standard error.
        method: What estimated it.
        ceiling: What the method, on this many samples, can at most report; infinite (``null`` in
            JSON) where nothing limits it.
        flags: Reasons to distrust the value, of :data:`FLAGS`.
        n_train: Samples that a critic was fitted to; 0 where there is none.
        n_test: Samples that the value was measured on.
        seconds: What it took.
        beside: Another reading of the same critic: for a label, H(Y) less the cross-entropy of
            its prediction.
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
    beside: "Estimate | None" = None

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
        return fields | ({"beside": self.beside.to_dict()} if self.beside else {})

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "Estimate":
        """The inverse of :meth:`to_dict`."""
        ceiling = math.inf if fields["ceiling"] is None else fields["ceiling"]
        beside = cls.from_dict(fields["beside"]) if fields.get("beside") else None
        replaced = {"ceiling": ceiling, "flags": tuple(fields["flags"]), "beside": beside}
        return cls(**{**fields, **replaced})


def flags_of(
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


def plug_in_stderr(variance: float, count: int, freedom: int) -> float:
    r"""Standard error of a mean log-ratio whose parameters come from the same samples.

    Where the two sides are independent the log-ratios would all be zero, 2n times the value is
    chi-squared, of variance :math:`2 f`, and the fitted log-ratios vary by :math:`f / n` for nothing;
    where they are not, the variance of the log-ratios rules:

    .. math:: \max\left(\frac{v}{n} - \frac{f}{n^2}, 0\right) + \frac{f}{2 n^2}

    Args:
        variance: Of the fitted log-ratios, v.
        count: Samples, n.
        freedom: Parameters that tie the two sides together, f.

    References:
        Wilks, The large-sample distribution of the likelihood ratio (1938).
    """
    first = max(variance / count - freedom / count**2, 0.0)
    return math.sqrt(first + freedom / (2 * count**2))
