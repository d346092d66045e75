"""What every trainer shares: batches, optimiser, schedule and early stopping."""

import copy
import math
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from ibtrain.config import OptimConfig
from ibtrain.errors import NonFiniteError
from ibtrain.optim import adam, cosine, set_rate
from ibtrain.seeding import generator
from ibtrain.train.events import accuracy

__all__ = ["EarlyStopping", "EpochLoop", "Loss", "cross_entropy_loss"]

Loss = Callable[[Tensor, Tensor], tuple[Tensor, Mapping[str, Tensor]]]
"""Maps a batch and its labels to what is descended, and to figures to average over the epoch."""


class EpochLoop:
    """Optimises a module over one data set, an epoch at a time.

    Samples stay where they are: an epoch's order is drawn on the device, batches are gathered
    there, and figures are read once an epoch. A last, smaller batch is left out; the order changes
    every epoch.

    Args:
        trainable: Holds every parameter that is optimised.
        loss: Evaluated on each batch.
        inputs: ``(samples, ...)``.
        labels: ``(samples,)``.
        config: Learning rate, schedule, batch size, epochs.
        seed: The run's seed, from which the data order comes.
    """

    def __init__(
        self,
        trainable: nn.Module,
        loss: Loss,
        inputs: Tensor,
        labels: Tensor,
        config: OptimConfig,
        seed: int,
    ) -> None:
        self.trainable = trainable
        self.loss = loss
        self.inputs = inputs
        self.labels = labels
        self.config = config
        self.batch_size = min(config.batch_size, len(inputs))
        self.steps_per_epoch = len(inputs) // self.batch_size
        self.order = generator(inputs.device, seed, "order")
        self.epoch = 0
        self.seconds = 0.0
        parameters = [p for p in trainable.parameters() if p.requires_grad]
        self.optimizer = adam(parameters, config.learning_rate, inputs.device)

    def learning_rate(self, step: int) -> float:
        """The schedule's learning rate at a step of the whole training."""
        if self.config.schedule == "constant":
            return self.config.learning_rate
        progress = step / (self.steps_per_epoch * self.config.epochs)
        return self.config.learning_rate * cosine(progress)

    def run_epoch(self) -> dict[str, float]:
        """Trains one epoch; returns its mean figures.

        Raises:
            NonFiniteError: A figure became NaN or infinite.
        """
        start = time.perf_counter()
        self.trainable.train()
        device = self.inputs.device
        order = torch.randperm(len(self.inputs), generator=self.order, device=device)
        batches = order[: self.steps_per_epoch * self.batch_size].view(-1, self.batch_size)
        totals: dict[str, Tensor] = {}
        for step, batch in enumerate(batches.unbind(), self.epoch * self.steps_per_epoch):
            for name, value in self._step(batch, step).items():
                totals[name] = totals[name] + value if name in totals else value
        self.epoch += 1
        names = list(totals)
        means = torch.stack([totals[name] for name in names]).tolist()
        figures = {n: mean / self.steps_per_epoch for n, mean in zip(names, means, strict=True)}
        self.seconds += time.perf_counter() - start
        for name, figure in figures.items():
            if not math.isfinite(figure):
                raise NonFiniteError(f"{name} became {figure} in epoch {self.epoch}")
        return figures

    def _step(self, batch: Tensor, step: int) -> Mapping[str, Tensor]:
        set_rate(self.optimizer, self.learning_rate(step))
        loss, figures = self.loss(
            self.inputs.index_select(0, batch), self.labels.index_select(0, batch)
        )
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return figures


class EarlyStopping:
    """Keeps the weights of the best epoch, and says when none better has come for long.

    Args:
        module: Whose weights are kept.
        patience: Epochs to wait for a better one.
    """

    def __init__(self, module: nn.Module, patience: int) -> None:
        self.module = module
        self.patience = patience
        self.best = -math.inf
        self.waited = 0
        self.state: dict[str, Tensor] = {}

    def should_stop(self, accuracy: float) -> bool:
        """Takes in an epoch's validation accuracy."""
        if accuracy > self.best:
            self.best, self.waited = accuracy, 0
            self.state = copy.deepcopy(self.module.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore(self) -> None:
        """Puts the best epoch's weights back."""
        self.module.load_state_dict(self.state)


def cross_entropy_loss(module: nn.Module) -> Loss:
    """The cross-entropy, in nats, of a module whose outputs are class scores."""

    def loss(x: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        scores = module(x)
        value = nn.functional.cross_entropy(scores, labels)
        figures = {
            "cross_entropy": value.detach(),
            "train_accuracy": accuracy(scores.detach(), labels),
        }
        return value, figures

    return loss
