"""What every trainer shares: batches, optimiser, schedule and early stopping."""

import copy
import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from ibtrain.backend.ensemble import Ensemble
from ibtrain.backend.optim import adam, cosine, set_rate
from ibtrain.backend.precision import check_precision, tensor_cores
from ibtrain.backend.replay import replayed
from ibtrain.backend.seeding import generator
from ibtrain.checks import check_integer, check_number
from ibtrain.config import OptimConfig
from ibtrain.errors import ConfigError
from ibtrain.train.descent import Descent
from ibtrain.train.keeper import State
from ibtrain.train.objectives.base import Objective
from ibtrain.train.watch import StepFigures

__all__ = ["EarlyStopping", "EpochLoop"]


class EpochLoop:
    """Optimises networks, one for each seed, over one data set, an epoch at a time.

    Samples stay where they are: an epoch's orders are drawn on the device, batches are gathered
    there, and figures are read once an epoch. A last, smaller batch is left out; the order changes
    every epoch.

    Args:
        objectives: What each network descends; they hold every parameter that is optimised.
        inputs: What each network reads, ``(samples, ...)``.
        labels: ``(samples,)``.
        config: Learning rate, schedule, batch size, epochs.
        seeds: From which each network's data order comes.
        randomness: Source of each objective's noise.
    """

    def __init__(
        self,
        objectives: Sequence[Objective],
        inputs: Sequence[Tensor],
        labels: Tensor,
        config: OptimConfig,
        seeds: Sequence[int],
        randomness: Sequence[torch.Generator],
    ) -> None:
        self.trainable = Ensemble(objectives)
        self.labels = labels
        self.config = config
        self.seeds = seeds
        self.batch_size = min(config.batch_size, len(labels))
        self.steps_per_epoch = len(labels) // self.batch_size
        self.orders = [generator(labels.device, seed, "order") for seed in seeds]
        self.randomness = randomness
        self.epoch = 0
        self.seconds = 0.0
        self._figures = StepFigures(seeds)
        self._epoch_orders = [order.get_state() for order in self.orders]
        self._parameters = [p for p in self.trainable.parameters() if p.requires_grad]
        self.optimizer = adam(self._parameters, config.learning_rate, labels.device)
        self._descent = Descent(
            self.trainable,
            randomness,
            inputs,
            labels,
            self._parameters,
            self.optimizer,
            config.precision,
        )
        self._descend = replayed(self._descent, labels.device, randomness)
        check_precision(config.precision, labels.device)
        if self._skips and not self.optimizer.defaults["fused"]:
            raise ConfigError("skip", f"stop on a device such as {labels.device}", "on_nonfinite")

    @property
    def _skips(self) -> bool:
        return self.config.on_nonfinite == "skip"

    def learning_rate(self, step: int) -> float:
        """The schedule's learning rate at a step of the whole training."""
        if self.config.schedule == "constant":
            return self.config.learning_rate
        progress = step / (self.steps_per_epoch * self.config.epochs)
        return self.config.learning_rate * cosine(progress)

    def run_epoch(self, after_step: Callable[[], None] = lambda: None) -> list[dict[str, float]]:
        """Trains one epoch, or what is left of it; returns the mean figures of each network.

        Args:
            after_step: Called after each step, when the state is whole.

        Raises:
            NonFiniteError: A figure became NaN or infinite.
        """
        self.trainable.train()
        self._epoch_orders = [order.get_state() for order in self.orders]
        for batch in self._batches()[len(self._figures) :]:
            start = time.perf_counter()
            with tensor_cores(self.config.precision):
                self._step(batch)
            self.seconds += time.perf_counter() - start
            after_step()
        start = time.perf_counter()
        self.epoch += 1
        figures, self._figures = self._figures, StepFigures(self.seeds)
        means = figures.means(f"epoch {self.epoch}", skips=self._skips)
        self.seconds += time.perf_counter() - start
        return means

    def state_dict(self) -> State:
        """Everything that the steps to come depend on."""
        middle = len(self._figures) > 0
        return {
            "trainable": self.trainable.state_dict(),
            # of those parameters that have had a gradient
            "moments": {str(k): v for k, v in self.optimizer.state_dict()["state"].items()},
            # an epoch that has begun draws its order again
            "orders": self._epoch_orders if middle else [own.get_state() for own in self.orders],
            "randomness": [own.get_state() for own in self.randomness],
            "epoch": self.epoch,
            "figure_names": self._figures.names,
            "figures": torch.stack(self._figures.steps) if middle else None,
            "seconds": self.seconds,
        }

    def load_state_dict(self, state: State) -> None:
        """Goes on from there."""
        check_integer("epoch", state["epoch"], 0, self.config.epochs)
        check_number("seconds", state["seconds"], 0)
        self.trainable.load_state_dict(state["trainable"])
        self._load_moments(state["moments"])
        for name, generators in (("orders", self.orders), ("randomness", self.randomness)):
            for own, saved in zip(generators, state[name], strict=True):
                own.set_state(saved)
        self.epoch = state["epoch"]
        names, steps = state["figure_names"], state["figures"]
        if steps is not None:
            if len(steps) > self.steps_per_epoch or steps.shape[1:] != (
                len(self.seeds),
                len(names),
            ):
                raise ValueError("figures of another epoch")
            own = steps.to(self.labels.device).unbind()
            self._figures = StepFigures(self.seeds, names, own)
        self.seconds = state["seconds"]

    def _load_moments(self, moments: Mapping[str, State]) -> None:
        """The optimiser's running averages, none of them before its first step."""
        state = {int(index): saved for index, saved in moments.items()}
        for index, saved in state.items():
            shape = self._parameters[index].shape
            if any(saved[name].shape != shape for name in ("exp_avg", "exp_avg_sq")):
                raise ValueError("moments of other parameters")
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})

    def _batches(self) -> Sequence[Tensor]:
        """The indices of an epoch's batches, each ``(S, batch)``."""
        count, device = len(self.labels), self.labels.device
        orders = [torch.randperm(count, generator=own, device=device) for own in self.orders]
        kept = torch.stack(orders)[:, : self.steps_per_epoch * self.batch_size]
        return kept.view(len(orders), self.steps_per_epoch, self.batch_size).unbind(dim=1)

    def _step(self, batch: Tensor) -> None:
        step = self.epoch * self.steps_per_epoch + len(self._figures)
        set_rate(self.optimizer, self.learning_rate(step))
        values = self._descend(batch)
        self._figures.add(self._descent.names, values)


class EarlyStopping:
    """Keeps the weights of the best epoch, and says when none better has come for long.

    Args:
        module: Whose weights are kept.
        patience: Epochs to wait for a better one.
    """

    def __init__(self, module: nn.Module, patience: int) -> None:
        self.module = module
        self.patience = patience
        self.best: float | None = None
        self.waited = 0
        self.kept: dict[str, Tensor] = {}

    def should_stop(self, accuracy: float) -> bool:
        """Takes in an epoch's validation accuracy."""
        if self.best is None or accuracy > self.best:
            self.best, self.waited = accuracy, 0
            self.kept = copy.deepcopy(self.module.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore(self) -> None:
        """Puts the best epoch's weights back."""
        self.module.load_state_dict(self.kept)

    def state_dict(self) -> State:
        """The best epoch so far, and how long it is ago."""
        return {"best": self.best, "waited": self.waited, "kept": self.kept}

    def load_state_dict(self, state: State) -> None:
        """Goes on from there."""
        best, waited, kept = state["best"], state["waited"], state["kept"]
        if best is not None:
            check_number("best accuracy", best, 0)
            # a trial: the weights in training are put back
            now = copy.deepcopy(self.module.state_dict())
            self.module.load_state_dict(kept)
            self.module.load_state_dict(now)
        check_integer("epochs waited", waited, 0)
        self.best, self.waited, self.kept = best, waited, kept
