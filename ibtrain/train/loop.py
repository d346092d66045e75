"""What every trainer shares: batches, optimiser, schedule and early stopping."""

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from ibtrain.config import OptimConfig
from ibtrain.errors import NonFiniteError
from ibtrain.optim import adam, cosine, set_rate
from ibtrain.seeding import generator
from ibtrain.stack import Stack, side_by_side
from ibtrain.train.events import accuracy

__all__ = ["EarlyStopping", "EpochLoop", "Loss", "cross_entropy_loss"]

Loss = Callable[[Tensor, Tensor], tuple[Tensor, Mapping[str, Tensor]]]
"""Maps a batch ``(S, batch, ...)`` for each of S networks, and its labels ``(S, batch)``, to the scalar that
is descended, and to figures ``(S,)`` to average over the epoch."""


class EpochLoop:
    """Optimises networks, one for each seed, over one data set, an epoch at a time.

    Samples stay where they are: an epoch's orders are drawn on the device, batches are gathered
    there, and figures are read once an epoch. A last, smaller batch is left out; the order changes
    every epoch.

    Args:
        trainable: Holds every parameter that is optimised.
        loss: Evaluated on the networks' batches.
        inputs: What each network reads, ``(samples, ...)``.
        labels: ``(samples,)``.
        config: Learning rate, schedule, batch size, epochs.
        seeds: From which each network's data order comes.
    """

    def __init__(
        self,
        trainable: nn.Module,
        loss: Loss,
        inputs: Sequence[Tensor],
        labels: Tensor,
        config: OptimConfig,
        seeds: Sequence[int],
    ) -> None:
        self.trainable = trainable
        self.loss = loss
        self.inputs = inputs
        self.labels = labels
        self.config = config
        self.seeds = seeds
        self.batch_size = min(config.batch_size, len(labels))
        self.steps_per_epoch = len(labels) // self.batch_size
        self.orders = [generator(labels.device, seed, "order") for seed in seeds]
        self.epoch = 0
        self.seconds = 0.0
        parameters = [p for p in trainable.parameters() if p.requires_grad]
        self.optimizer = adam(parameters, config.learning_rate, labels.device)

    def learning_rate(self, step: int) -> float:
        """The schedule's learning rate at a step of the whole training."""
        if self.config.schedule == "constant":
            return self.config.learning_rate
        progress = step / (self.steps_per_epoch * self.config.epochs)
        return self.config.learning_rate * cosine(progress)

    def run_epoch(self) -> list[dict[str, float]]:
        """Trains one epoch; returns the mean figures of each network.

        Raises:
            NonFiniteError: A figure became NaN or infinite.
        """
        start = time.perf_counter()
        self.trainable.train()
        totals: dict[str, Tensor] = {}
        for step, batch in enumerate(self._batches(), self.epoch * self.steps_per_epoch):
            for name, value in self._step(batch, step).items():
                totals[name] = totals[name] + value if name in totals else value
        self.epoch += 1
        means = torch.stack(list(totals.values()), dim=1).div(self.steps_per_epoch).tolist()
        self.seconds += time.perf_counter() - start
        figures = [dict(zip(totals, own, strict=True)) for own in means]
        for seed, own in zip(self.seeds, figures, strict=True):
            for name, figure in own.items():
                if not math.isfinite(figure):
                    where = f"epoch {self.epoch}, seed {seed}"
                    raise NonFiniteError(f"{name} became {figure} in {where}")
        return figures

    def _batches(self) -> Sequence[Tensor]:
        """The indices of an epoch's batches, each ``(S, batch)``."""
        count, device = len(self.labels), self.labels.device
        orders = [torch.randperm(count, generator=own, device=device) for own in self.orders]
        kept = torch.stack(orders)[:, : self.steps_per_epoch * self.batch_size]
        return kept.view(len(orders), self.steps_per_epoch, self.batch_size).unbind(dim=1)

    def _step(self, batch: Tensor, step: int) -> Mapping[str, Tensor]:
        set_rate(self.optimizer, self.learning_rate(step))
        gathered = [
            own.index_select(0, index) for own, index in zip(self.inputs, batch, strict=True)
        ]
        loss, figures = self.loss(side_by_side(gathered), self.labels[batch])
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


def cross_entropy_loss(stack: Stack) -> Loss:
    """The cross-entropy, in nats, of networks whose outputs are class scores."""

    def loss(x: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        scores: Tensor = stack(x)
        losses = nn.functional.cross_entropy(
            scores.flatten(0, 1), labels.flatten(), reduction="none"
        )
        values = losses.view_as(labels).mean(dim=1)
        figures = {
            "cross_entropy": values.detach(),
            "train_accuracy": accuracy(scores.detach(), labels),
        }
        return values.sum(), figures

    return loss
