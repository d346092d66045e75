"""Gradient ascent of critics on a bound, for samples and for layers during training."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ibtrain.backend.cuda_graphs import graphed
from ibtrain.backend.optim import adam, cosine, set_rate

__all__ = ["Ascent", "ascend"]


@dataclass(frozen=True)
class Ascent:
    """Settings of the ascent: Adam, with a learning rate that is annealed to zero along a cosine.

    Without annealing, a reported critic would be a noisy iterate.

    Args:
        steps: Number of optimiser steps.
        learning_rate: Peak learning rate.
        warm_up: Number of steps in which the learning rate rises linearly.
        weight_decay: Decoupled weight decay, as in AdamW.
        clip_norm: Largest norm of the gradient; None disables clipping.
    """

    steps: int
    learning_rate: float
    warm_up: int = 1
    weight_decay: float = 0.0
    clip_norm: float | None = None

    def rate(self, step: int) -> float:
        """The learning rate of a step; steps are counted from 0."""
        return self.learning_rate * (
            min(1.0, (step + 1) / self.warm_up) * cosine(step / self.steps)
        )


def ascend(
    bounds: Callable[..., Tensor],
    weights: nn.Parameter,
    batches: Iterable[tuple[Tensor, ...]],
    ascent: Ascent,
    generators: Sequence[torch.Generator] = (),
) -> Iterator[Tensor]:
    """Maximises the bounds of one or several critics, one optimiser step for each yielded value.

    Args:
        bounds: Maps a batch to the bound of each critic, with gradients; to a scalar for a single critic.
        weights: The weights of all critics as one vector; the critics' parameters are views of it.
        batches: Arguments of ``bounds``: at least one tuple for each step.
        ascent: Steps and learning rates.
        generators: Random generators that ``bounds`` uses.

    Yields:
        The bounds of each step, without gradients.
    """
    gradient = weights.grad
    assert gradient is not None
    optimizer = adam(
        [weights],
        ascent.learning_rate,
        weights.device,
        weight_decay=ascent.weight_decay,
        maximize=True,
    )

    def step(*batch: Tensor) -> Tensor:
        values = bounds(*batch)
        gradient.zero_()
        values.sum().backward()
        if ascent.clip_norm is not None:
            # PyTorch's own clipping and zeroing take up to an eighth of a small critic's step
            norm = torch.linalg.vector_norm(gradient)
            gradient.div_(norm.div_(ascent.clip_norm).clamp_min_(1.0))
        optimizer.step()
        return values.detach()

    run_step = graphed(step, weights.device, generators)
    for index, batch in zip(range(ascent.steps), batches, strict=False):
        set_rate(optimizer, ascent.rate(index))
        yield run_step(*batch)
