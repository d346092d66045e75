"""Events that trainers pass to callbacks, and a view of the network at that moment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.func import functional_call

from ibtrain.backend.modes import evaluation_mode
from ibtrain.config import Method
from ibtrain.models.blocks import block_outputs
from ibtrain.train.objectives.base import Objective

__all__ = ["Callback", "Event", "ModelView", "accuracy", "apply_in_chunks"]

CHUNK = 2048


@torch.no_grad()
def apply_in_chunks(
    module: Callable[[Tensor], Tensor], x: Shaped[Tensor, "n *shape"]
) -> Float[Tensor, "n *out"]:
    """The module's output on ``x``, without gradients and without a large intermediate."""
    return torch.cat([module(chunk) for chunk in x.split(CHUNK)])


def accuracy(
    scores: Float[Tensor, "*S n classes"], labels: Int[Tensor, "*S n"]
) -> Float[Tensor, "*S"]:
    """Share of samples whose highest score is their label's."""
    return (scores.argmax(dim=-1) == labels).float().mean(dim=-1)


class ModelView:
    """The part of a network that is in training; evaluated in evaluation mode, with the weights that it has now.

    Args:
        blocks: The live blocks: one where training is layer-wise, all where it is end to end.
        readout: Maps the last live block's output to class scores whose argmax is the prediction.
        inputs: What the first live block reads, by split.
        objective: What trains the live blocks; needed for :meth:`loss` only.
    """

    def __init__(
        self,
        blocks: nn.Sequential,
        readout: nn.Module,
        inputs: Mapping[str, Tensor],
        objective: Objective | None = None,
    ) -> None:
        self.blocks = blocks
        self.readout = readout
        self.inputs = inputs
        self.objective = objective

    @torch.no_grad()
    def activations(self, split: str, index: Int[Tensor, " n"]) -> dict[str, Tensor]:
        """The output h ``(n, dim)`` of each live block, without noise, on some samples of a split, by name."""
        inputs = self.inputs[split]
        with evaluation_mode(self.blocks):
            chunks = [
                {name: h.flatten(1) for name, h in block_outputs(self.blocks, inputs[part]).items()}
                for part in index.split(CHUNK)
            ]
        return {name: torch.cat([chunk[name] for chunk in chunks]) for name in chunks[0]}

    def accuracy(self, split: str, labels: Int[Tensor, " n"]) -> float:
        """Share of a split that the network predicts correctly now."""
        with evaluation_mode(self.blocks):
            scores = apply_in_chunks(lambda x: self.readout(self.blocks(x)), self.inputs[split])
        return accuracy(scores, labels).item()

    def loss(
        self, x: Float[Tensor, "batch *shape"], y: Int[Tensor, " batch"], noise: torch.Generator
    ) -> Float[Tensor, ""]:
        """The loss that trains the live blocks on a batch, with its gradients, in evaluation mode.

        Args:
            x: Inputs of the first live block.
            y: Their classes.
            noise: Source of the objective's noise; the training's own is not touched.
        """
        assert self.objective is not None
        # copies: running averages are a part of the training
        buffers = {name: buffer.clone() for name, buffer in self.objective.named_buffers()}
        draws = self.objective.draw(len(x), noise, x.device)
        with evaluation_mode(self.objective):
            loss: Tensor = functional_call(self.objective, buffers, (x, y, *draws))[0]
        return loss


@dataclass(frozen=True)
class Event:
    """What a trainer has just done.

    Args:
        kind: ``start`` before the first epoch of a stage, ``epoch`` after each, ``end`` after the
            last (with the best epoch's weights, where training stopped early); ``step`` after a training step.
        method: The training method.
        seed: Seed of the training.
        stage: The block in training, or ``network`` where all are.
        index: Which stage this is, from 0.
        stages: How many there are.
        epoch: Epochs done in this stage.
        epochs: Epochs planned in it.
        step: Steps done in the epoch that has begun.
        steps: Steps in an epoch.
        metrics: Bounds in nats, losses and accuracies; means over the last epoch's batches.
        flags: ``diverging`` if a bound has been above its ceiling for several epochs.
        model: The part of the network in training; its weights change after the callback returns.
    """

    kind: Literal["start", "epoch", "end", "step"]
    method: Method
    seed: int
    stage: str
    index: int
    stages: int
    epoch: int
    epochs: int
    step: int
    steps: int
    metrics: Mapping[str, float]
    flags: tuple[str, ...]
    model: ModelView

    @property
    def progress(self) -> int | float:
        """Epochs done in this stage, with the fraction of an epoch that has begun."""
        return self.epoch + self.step / self.steps if self.step else self.epoch


Callback = Callable[[Event], None]
"""Called with every event but those of steps; its method ``on_step``, if it has one, is called with those."""
