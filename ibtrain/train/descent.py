"""A step of training: weights down the gradient of an objective, and the figures that it leaves behind."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ibtrain.backend.ensemble import Ensemble, side_by_side
from ibtrain.backend.gradients import gradient_norm
from ibtrain.backend.precision import lower_precision
from ibtrain.train.watch import GRADIENT, are_finite

__all__ = ["Descent"]


@dataclass(eq=False)
class Descent:
    """Steps of an optimiser on batches of samples that stay where they are.

    What a step does on the host is the same each time, so that it can be recorded: see
    :func:`~ibtrain.backend.replay.replayed`. The loop that takes the steps is not known here, or what it holds would
    outlive it.

    Args:
        objectives: What each network descends, as an ensemble.
        generators: Source of each objective's noise.
        inputs: What each network reads, ``(samples, ...)``.
        labels: ``(samples,)``.
        parameters: That the optimiser steps.
        optimizer: Steps them.
        precision: Of the loss's matrix products.
        names: What the last step's figures are called.
    """

    objectives: Ensemble
    generators: Sequence[torch.Generator]
    inputs: Sequence[Tensor]
    labels: Tensor
    parameters: Sequence[nn.Parameter]
    optimizer: torch.optim.Optimizer
    precision: str
    names: list[str] = field(default_factory=list, init=False)

    def __call__(self, batch: Tensor) -> Float[Tensor, "S figures"]:
        """Takes a step, unless something is not finite and the optimiser's kernel can tell.

        Args:
            batch: Indices of samples, ``(S, batch)``.

        Returns:
            Each network's figures, called :attr:`names`; the norm of all gradients is the last.
        """
        gathered = [
            own.index_select(0, index) for own, index in zip(self.inputs, batch, strict=True)
        ]
        with lower_precision(self.precision, self.labels.device):
            noise = self._draw(batch.shape[1])
            losses, figures = self.objectives(side_by_side(gathered), self.labels[batch], *noise)
        self.optimizer.zero_grad()
        losses.sum().backward()
        norm = gradient_norm(self.parameters).expand(len(batch))
        self.names = [*figures, GRADIENT]
        values = torch.stack([*figures.values(), norm], dim=1)
        if self.optimizer.defaults["fused"]:
            # what is not finite never reaches the weights: the kernel itself leaves them alone
            self.optimizer.found_inf = are_finite(values).logical_not().float()  # type: ignore[attr-defined]
        self.optimizer.step()
        return values

    def _draw(self, count: int) -> list[Tensor]:
        """Every objective's random numbers for a batch, side by side."""
        members = zip(self.objectives.members, self.generators, strict=True)
        device = self.labels.device
        drawn = [objective.draw(count, own, device) for objective, own in members]  # type: ignore[operator]
        return [side_by_side(parts) for parts in zip(*drawn, strict=True)]
