"""Gradient ascent of critics on a bound, for samples and for layers that change alike."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ibtrain.backend.cuda_graphs import graphed
from ibtrain.backend.optim import adam, cosine, set_rate

__all__ = ["Ascent", "ascend"]


@dataclass(frozen=True)
class Ascent:
    """How critics ascend their bounds: Adam, with a learning rate that is annealed to zero by a cosine.

    Annealing makes sure that a reported critic is not a noisy iterate.

    Args:
        steps: Number of optimiser steps.
        learning_rate: Learning rate at its highest.
        warm_up: Number of steps in which the learning rate rises linearly.
        weight_decay: Decoupled weight decay, as in AdamW.
        clip_norm: Largest norm of the gradient; None does not clip it.
    """

    steps: int
    learning_rate: float
    warm_up: int = 1
    weight_decay: float = 0.0
    clip_norm: float | None = None

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
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
    """Moves weights up the bounds of one or several critics, one step for each value that is taken.

    Args:
        bounds: Maps a batch to the bound of each critic, with gradients; a scalar for a single one.
        weights: The weights of all critics as one vector, of which their parameters are views.
        batches: Arguments of ``bounds``, at least one for each step.
        ascent: Steps and learning rates.
        generators: Generators that ``bounds`` draws from.

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
            # torch's own clipping and zeroing cost as much as an eighth of a small critic's step
            norm = torch.linalg.vector_norm(gradient)
            gradient.div_(norm.div_(ascent.clip_norm).clamp_min_(1.0))
        optimizer.step()
        return values.detach()

    run_step = graphed(step, weights.device, generators)
    for index, batch in zip(range(ascent.steps), batches, strict=False):
        set_rate(optimizer, ascent.rate(index))
        yield run_step(*batch)
