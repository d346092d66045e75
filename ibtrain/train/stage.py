"""One stage of training: a block where it is layer-wise, the network where it is end to end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from torch import nn

from ibtrain.config import Method
from ibtrain.data.dataset import Dataset
from ibtrain.errors import NonFiniteError
from ibtrain.train.events import Event, Listener, Snapshot
from ibtrain.train.loop import EarlyStopping, EpochLoop

__all__ = ["EpochRecord", "FitResult", "Stage", "evaluate"]


@dataclass(frozen=True)
class EpochRecord:
    """One epoch's figures: ``stage`` is a block's name, or ``network``."""

    stage: str
    epoch: int
    figures: dict[str, float]


@dataclass
class FitResult:
    """A trained network and how it does.

    Args:
        method: What trained it.
        seed: With which seed.
        network: The trained blocks, on the training device.
        readout: Maps the last block's output to scores whose argmax is the prediction.
        accuracies: Share predicted right, by split.
        seconds: Training time; evaluation and listeners are not in it.
        history: Every epoch's figures.
    """

    method: Method
    seed: int
    network: nn.Sequential
    readout: nn.Module
    accuracies: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    history: list[EpochRecord] = field(default_factory=list)


@dataclass(frozen=True)
class Stage:
    """What a trainer optimises in one go, and whom it tells.

    Args:
        method: The trainer's name.
        seed: Its seed.
        name: The block's name, or ``network``.
        index: Which stage this is, from 0.
        stages: How many there are.
        data: For the labels of the validation split.
        loop: Optimises it.
        snapshot: How listeners see it.
        listeners: Called with every event, in order.
    """

    method: Method
    seed: int
    name: str
    index: int
    stages: int
    data: Dataset
    loop: EpochLoop
    snapshot: Snapshot
    listeners: Sequence[Listener]

    def run(self) -> list[EpochRecord]:
        """Trains all epochs, or until validation stops improving.

        Raises:
            NonFiniteError: A figure became NaN or infinite; says where.
        """
        config = self.loop.config
        stopping = EarlyStopping(self.loop.trainable, config.patience) if config.patience else None
        history: list[EpochRecord] = []
        self._emit("start", {})
        for _ in range(config.epochs):
            figures = self._run_epoch()
            if stopping and self.data.validation is not None:
                score = self.snapshot.accuracy("validation", self.data.validation.y)
                figures["validation_accuracy"] = score
            history.append(EpochRecord(self.name, self.loop.epoch, figures))
            self._emit("epoch", figures)
            if stopping and stopping.should_stop(figures["validation_accuracy"]):
                break
        if stopping:
            stopping.restore()
        self._emit("end", history[-1].figures)
        return history

    def _run_epoch(self) -> dict[str, float]:
        try:
            return self.loop.run_epoch()
        except NonFiniteError as error:
            raise NonFiniteError(f"{self.method}, {self.name}: {error}") from error

    def _emit(self, kind: Literal["start", "epoch", "end"], figures: dict[str, float]) -> None:
        event = Event(
            kind=kind,
            method=self.method,
            seed=self.seed,
            stage=self.name,
            index=self.index,
            stages=self.stages,
            epoch=self.loop.epoch,
            epochs=self.loop.config.epochs,
            figures=figures,
            snapshot=self.snapshot,
        )
        for listener in self.listeners:
            listener(event)


def evaluate(snapshot: Snapshot, data: Dataset) -> dict[str, float]:
    """Accuracy on every split, by its name."""
    return {name: snapshot.accuracy(name, split.y) for name, split in data.splits.items()}
