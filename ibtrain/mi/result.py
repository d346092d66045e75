"""What every estimator returns: a number with its error, its ceiling and its warnings."""

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["Estimate", "flags_of"]

STANDARD_ERRORS = 2.0
SHARE = 0.01
"""A value touches its ceiling within so many standard errors of it, or within this share of it."""


@dataclass(frozen=True)
class Estimate:
    """A mutual information in nats.

    Args:
        mi: The value; never clipped.
        stderr: Its standard error.
        method: What estimated it.
        ceiling: What the method, on this many samples, can at most report.
        flags: Reasons to distrust the value: ``above_ceiling`` and ``above_label_entropy`` (it
            touches or exceeds the bound), ``negative``, ``not_converged``, ``overfit``.
        n_train: Samples that a critic was fitted to; 0 where there is none.
        n_test: Samples that the value was measured on.
        seconds: What it took.
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

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, in the order that the documentation shows."""
        return {
            "mi": self.mi,
            "stderr": self.stderr,
            "unit": self.unit,
            "method": self.method,
            "ceiling": self.ceiling,
            "flags": list(self.flags),
            "n_train": self.n_train,
            "n_test": self.n_test,
            "seconds": self.seconds,
        }

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "Estimate":
        """The inverse of :meth:`to_dict`."""
        return cls(**{**fields, "flags": tuple(fields["flags"])})


def flags_of(
    mi: float, stderr: float, *, n_test: int, label_entropy: float | None = None
) -> tuple[str, ...]:
    """The flags that follow from the value itself.

    Args:
        mi: The value in nats.
        stderr: Its standard error.
        n_test: Samples it was measured on; ``ln n_test`` is its ceiling.
        label_entropy: H(Y) in nats where one side is the label, which is then the ceiling.
    """
    ceiling = math.log(n_test) if label_entropy is None else label_entropy
    flags = []
    if mi + max(STANDARD_ERRORS * stderr, SHARE * ceiling) >= ceiling:
        flags.append("above_ceiling" if label_entropy is None else "above_label_entropy")
    if mi + STANDARD_ERRORS * stderr < 0:
        flags.append("negative")
    return tuple(flags)
