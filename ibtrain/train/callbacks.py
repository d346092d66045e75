"""Callbacks, the events that trainers pass to them, and a view of the network at that moment."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.func import functional_call

from ibtrain.backend.modes import evaluation_mode
from ibtrain.config import Method
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ConfigError
from ibtrain.models.blocks import block_outputs
from ibtrain.train.objectives.base import Objective
from ibtrain.train.scores import class_scores

__all__ = [
    "Callback",
    "CallbackLike",
    "Event",
    "ModelView",
    "PlaneLike",
    "accuracy",
    "apply_in_chunks",
    "step_callbacks",
]

CHUNK = 2048


@torch.no_grad()
def apply_in_chunks(
    module: Callable[[Tensor], Tensor], x: Shaped[Tensor, "n *shape"]
) -> Shaped[Tensor, "n *out"]:
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
        readout: Reads class scores from the output of the last live block, or from those of all.
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

    def __repr__(self) -> str:
        return f"<ModelView: {', '.join(name for name, _ in self.blocks.named_children())}>"

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

    def accuracy(
        self, split: str, labels: Int[Tensor, " n"], index: Int[Tensor, " m"] | None = None
    ) -> float:
        """Share of a split that the network predicts correctly now.

        Args:
            split: Name of the split.
            labels: Class of each of its samples.
            index: The samples that are evaluated; None for all.
        """
        inputs = self.inputs[split]
        if index is not None:
            inputs, labels = inputs[index], labels[index]
        with evaluation_mode(self.blocks):
            predicted = apply_in_chunks(self._classes, inputs)
        return (predicted == labels).float().mean().item()

    def _classes(self, x: Float[Tensor, "n *shape"]) -> Int[Tensor, " n"]:
        """The classes that the network predicts now; those of all samples take less memory than their scores."""
        return class_scores(self.blocks, self.readout, x).argmax(dim=-1)

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
        history: The :class:`~ibtrain.train.results.EpochRecord` of every epoch of this stage so far.
        stop: Ends the training of this stage after the epoch: ``event.stop()``.
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
    history: Sequence[Any] = ()
    stop: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)

    def __repr__(self) -> str:
        # neither the network nor earlier epochs
        step = f", step {self.step}/{self.steps}" if self.step else ""
        place = (
            f"{self.stage} ({self.index + 1}/{self.stages}), epoch {self.epoch}/{self.epochs}{step}"
        )
        values = ", ".join(f"{name} {value:.4g}" for name, value in self.metrics.items())
        flags = f" ({', '.join(self.flags)})" if self.flags else ""
        text = f"{self.kind} of {self.method}, seed {self.seed}, {place}"
        return f"<Event: {text}{': ' * bool(values)}{values}{flags}>"

    @property
    def progress(self) -> int | float:
        """Epochs done in this stage, with the fraction of an epoch that has begun."""
        return self.epoch + self.step / self.steps if self.step else self.epoch


CallbackLike = Callable[[Event], None]
"""A function of an event, called with all but those of steps, or a :class:`Callback`."""

_HOOKS = {
    "start": "on_block_begin",
    "step": "on_step",
    "epoch": "on_epoch_end",
    "end": "on_block_end",
}


class Callback:
    """Base class of callbacks with a method for each kind of event; a subclass overrides those that it needs.

    A block is what trains at once: one block of the network where training is layer-wise, and all of them where it
    is end-to-end.

    Example:
        >>> class PrintAccuracy(Callback):
        ...     def on_epoch_end(self, event):
        ...         print(event.stage, event.epoch, event.metrics["train_accuracy"])
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        known = {name for name in dir(Callback) if name.startswith("on_")}
        for name in vars(cls):
            if name.startswith("on_") and name not in known:
                raise ConfigError(name, f"one of {', '.join(sorted(known))}", cls.__name__)

    def __call__(self, event: Event) -> None:
        """Calls the method of the event's kind."""
        getattr(self, _HOOKS[event.kind])(event)

    def on_block_begin(self, event: Event) -> None:
        """Called before the first epoch of a block."""

    def on_step(self, event: Event) -> None:
        """Called after every step of the optimiser; a callback without this method costs nothing at a step."""

    def on_epoch_end(self, event: Event) -> None:
        """Called after every epoch; ``event.stop()`` makes it the last one of the block."""

    def on_block_end(self, event: Event) -> None:
        """Called after the last epoch of a block."""

    def on_point(self, point: Any) -> None:
        """Called with each new :class:`~ibtrain.plane.point.PlanePoint` of a run (:func:`ibtrain.run`).

        With a trainer of your own: ``InformationPlane(data, on_point=callback.on_point)``.
        """


@runtime_checkable
class PlaneLike(Protocol):
    """A callback that measures the layers for a plane: what trainers ask of it, besides calling it with events."""

    @property
    def shared_settings(self) -> dict[str, Any]:
        """What processes that train one network must have in common, because they share the measures."""

    @property
    def reads_steps(self) -> bool:
        """Whether its ``on_step`` is to be called; other steps cost nothing."""

    def check_data(self, data: Dataset) -> None:
        """Checks that it was made for the data of a training."""


def step_callbacks(callbacks: Sequence[CallbackLike]) -> list[CallbackLike]:
    """Those callbacks that have a method ``on_step`` of their own; planes only if they measure points within epochs."""
    return [
        callback
        for callback in callbacks
        if hasattr(callback, "on_step")
        and getattr(callback.on_step, "__func__", None) is not Callback.on_step
        and (not isinstance(callback, PlaneLike) or callback.reads_steps)
    ]
