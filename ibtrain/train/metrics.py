"""The metrics of an epoch's steps: kept on the device, read once, and checked for NaN and infinity."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ibtrain.errors import NonFiniteError

__all__ = ["GRADIENT", "StepMetrics", "are_finite"]

GRADIENT = "gradient"
"""Name of the norm of a step's gradient."""


def are_finite(metrics: Tensor) -> Bool[Tensor, ""]:
    """Whether all metrics of a step are finite."""
    # NaN is not below infinity either
    return metrics.abs().amax() < math.inf


class StepMetrics:
    """The metrics of an epoch's steps, kept on the device until they are read.

    Args:
        seed: Seed of the network, which errors name.
        names: Names of the metrics, where there are some already.
        steps: Metrics ``(metrics,)`` of each step so far, the norm of its gradient last.
    """

    def __init__(self, seed: int, names: Sequence[str] = (), steps: Sequence[Tensor] = ()) -> None:
        self.seed = seed
        self.names = list(names)
        self.steps = list(steps)

    def __len__(self) -> int:
        return len(self.steps)

    def means(self, where: str, *, skips: bool) -> dict[str, float]:
        """Mean of each metric over the steps; the gradient's norm is left out.

        Args:
            where: What an error names, besides the step and the metric.
            skips: Whether steps that were not finite have been skipped: they are left out, and counted.

        Raises:
            NonFiniteError: If a step was not finite and was not skipped, or if none was finite.
        """
        values = torch.stack(self.steps).cpu()
        kept = values.isfinite().all(dim=1)
        if not kept.all() and not (skips and kept.any()):
            raise NonFiniteError(self._message(values, int((~kept).nonzero()[0]), where))
        means = values[kept].mean(dim=0)[:-1].tolist()
        skipped = {"skipped_steps": float((~kept).sum())} if skips else {}
        return {**dict(zip(self.names, means, strict=False)), **skipped}

    def _message(self, values: Float[Tensor, "steps metrics"], step: int, where: str) -> str:
        """Names the first metric of a step that is not finite; the gradient only if no other is."""
        index = int((~values[step].isfinite()).nonzero()[0])
        name, value = self.names[index], values[step, index].item()
        return f"{name} became {value} in {where}, step {step + 1}, seed {self.seed}"
