"""What an epoch's steps say, read once: their mean figures, and which of them were not finite."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ibtrain.errors import NonFiniteError

__all__ = ["GRADIENT", "StepFigures", "are_finite"]

GRADIENT = "gradient"
"""What the norm of a step's gradient is called."""


def are_finite(figures: Tensor) -> Bool[Tensor, ""]:
    """Whether all of a step's figures are."""
    # NaN is not below infinity either
    return figures.abs().amax() < math.inf


class StepFigures:
    """The figures of an epoch's steps, kept on the device until they are read.

    Args:
        seeds: Of the networks.
        names: Of the figures, if there are some already.
        steps: Each step's figures ``(S, figures)``, the norm of its gradient last.
    """

    def __init__(
        self, seeds: Sequence[int], names: Sequence[str] = (), steps: Sequence[Tensor] = ()
    ) -> None:
        self.seeds = seeds
        self.names = list(names)
        self.steps = list(steps)

    def __len__(self) -> int:
        return len(self.steps)

    def add(self, names: Sequence[str], step: Float[Tensor, "S figures"]) -> None:
        """Takes in a step's figures, and what they are called."""
        self.names = list(names)
        self.steps.append(step)

    def means(self, where: str, *, skips: bool) -> list[dict[str, float]]:
        """Each network's mean figures.

        Args:
            where: What an error names, besides the step and the term.
            skips: Steps that were not finite have been skipped: they are left out, and counted.

        Raises:
            NonFiniteError: A step was not finite, and was not skipped; or none was finite.
        """
        values = torch.stack(self.steps).cpu()
        finite = values.isfinite()
        kept = finite.flatten(1).all(dim=1)
        if not kept.all() and not (skips and kept.any()):
            raise NonFiniteError(self._told(values, int((~kept).nonzero()[0]), where))
        means = values[kept].mean(dim=0)[:, :-1].tolist()
        skipped = {"skipped_steps": float((~kept).sum())} if skips else {}
        return [{**dict(zip(self.names, own, strict=False)), **skipped} for own in means]

    def _told(self, values: Tensor, step: int, where: str) -> str:
        """The first term of a step that was not finite; the gradient only if no figure was."""
        broken = (~values[step].isfinite()).T
        figure, member = broken.nonzero()[0].tolist()
        name, value = self.names[figure], values[step, member, figure].item()
        # the gradient is that of all networks
        is_shared = name == GRADIENT and len(self.seeds) > 1
        seed = "" if is_shared else f", seed {self.seeds[member]}"
        return f"{name} became {value} in {where}, step {step + 1}{seed}"
