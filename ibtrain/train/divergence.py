"""Flags bounds that stay above their theoretical maximum."""

import math
from collections.abc import Mapping, Sequence

from ibtrain.data.dataset import Dataset, label_entropy

__all__ = ["DIVERGING", "ceilings", "divergence_flags"]

DIVERGING = "diverging"
MIN_EPOCHS = 3
"""Number of consecutive epochs above the ceiling."""
CEILING_SLACK = 1.05
"""Factor by which the mean over batches may exceed the ceiling by chance."""


def ceilings(data: Dataset) -> dict[str, float]:
    """Theoretical maximum of each bound on a training split, in nats: H(Y), or ln N."""
    entropy = label_entropy(data.train.y)
    return {"mi_hy": entropy, "mi_ty": entropy, "mi_xt": math.log(len(data.train))}


def divergence_flags(
    history: Sequence[Mapping[str, float]], ceilings: Mapping[str, float]
) -> tuple[str, ...]:
    """``diverging`` if a bound has been above its ceiling for three epochs.

    Args:
        history: The metrics of each epoch of a stage.
        ceilings: Ceiling of each bound, in nats.
    """
    last = history[-MIN_EPOCHS:]
    are_above = (
        len(last) == MIN_EPOCHS
        and all(epoch.get(name, 0.0) > CEILING_SLACK * ceiling for epoch in last)
        for name, ceiling in ceilings.items()
    )
    return (DIVERGING,) if any(are_above) else ()
