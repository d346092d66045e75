"""Whether a bound says for long what nothing can be."""

import math
from collections.abc import Mapping, Sequence

from ibtrain.data.dataset import Dataset, label_entropy

__all__ = ["DIVERGING", "ceilings", "divergence_flags"]

DIVERGING = "diverging"
MIN_EPOCHS = 3
"""Epochs in a row."""
CEILING_SLACK = 1.05
"""Times its ceiling, which a mean over batches may pass by chance."""


def ceilings(data: Dataset) -> dict[str, float]:
    """The most that each bound can say of a training split, in nats: H(Y), or ln N."""
    entropy = label_entropy(data.train.y)
    return {"mi_hy": entropy, "mi_ty": entropy, "mi_xt": math.log(len(data.train))}


def divergence_flags(
    history: Sequence[Mapping[str, float]], most: Mapping[str, float]
) -> tuple[str, ...]:
    """``diverging`` if a bound has been beyond its ceiling for three epochs.

    Args:
        history: The figures of a stage's epochs.
        most: Each bound's ceiling.
    """
    last = history[-MIN_EPOCHS:]
    beyond = (
        len(last) == MIN_EPOCHS
        and all(epoch.get(name, 0.0) > CEILING_SLACK * ceiling for epoch in last)
        for name, ceiling in most.items()
    )
    return (DIVERGING,) if any(beyond) else ()
