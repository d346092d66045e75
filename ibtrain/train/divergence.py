"""Flags bounds that stay above their theoretical maximum."""

import math
from collections.abc import Mapping, Sequence

from ibtrain.data.dataset import Dataset, label_entropy

__all__ = ["DIVERGING", "MIN_EPOCHS", "ceilings", "divergence_flags"]

DIVERGING = "diverging"
MIN_EPOCHS = 3
"""Number of consecutive epochs above the ceiling, after which a bound is flagged."""
CEILING_SLACK = 1.05
"""Factor by which the mean over batches may exceed the ceiling by chance."""


def ceilings(data: Dataset) -> dict[str, float]:
    """Theoretical maximum of each bound on a training split, in nats: H(Y), or ln N."""
    entropy = label_entropy(data.train.y)
    of_label = dict.fromkeys(("mi_hy", "mi_ty", "mi_hh"), entropy)
    return {**of_label, "mi_xt": math.log(len(data.train))}


def divergence_flags(
    history: Sequence[Mapping[str, float]], ceilings: Mapping[str, float]
) -> tuple[str, ...]:
    """``diverging`` if a bound has been above its ceiling for three epochs.

    Args:
        history: The metrics of the last :data:`MIN_EPOCHS` epochs of a stage, or of more.
        ceilings: Ceiling of each bound, in nats.
    """
    last = history[-MIN_EPOCHS:]
    if len(last) < MIN_EPOCHS:
        return ()
    for name in last[-1]:
        # blocks that train at once have their names before those of their bounds
        limit = CEILING_SLACK * ceilings.get(name.rpartition(".")[2], math.inf)
        if all(epoch.get(name, 0.0) > limit for epoch in last):
            return (DIVERGING,)
    return ()
