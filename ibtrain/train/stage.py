"""One stage of training: a block where it is layer-wise, the network where it is end to end."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from torch import Tensor, nn

from ibtrain.backend.memory import memory_advice
from ibtrain.checks import check_fields
from ibtrain.config import Method, ObjectiveConfig, OptimConfig
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ConfigError, NonFiniteError
from ibtrain.models.blocks import check_trainable
from ibtrain.train.divergence import ceilings, divergence_flags
from ibtrain.train.events import Event, Listener, Snapshot
from ibtrain.train.keeper import Keeper, State, restoring
from ibtrain.train.loop import EarlyStopping, EpochLoop

__all__ = [
    "EpochRecord",
    "FitResult",
    "Histories",
    "Member",
    "Stage",
    "check_alike",
    "evaluate",
    "histories_of",
    "histories_state",
    "identity",
]


@dataclass(frozen=True)
class EpochRecord:
    """One epoch's figures: ``stage`` is a block's name, or ``network``.

    ``flags`` has ``diverging`` where a bound has long been beyond what it can be.
    """

    stage: str
    epoch: int
    figures: dict[str, float]
    flags: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "EpochRecord":
        """The inverse of ``vars``, whose tuple has become a list.

        Raises:
            ConfigError: A value is of the wrong kind.
        """
        record = cls(**{**values, "flags": tuple(values["flags"])})
        check_fields("epoch", record)
        return record


Histories = list[list[EpochRecord]]
"""The epochs of each seed."""


def histories_state(histories: Histories) -> list[list[State]]:
    """Plain dictionaries of them."""
    return [[vars(record) for record in own] for own in histories]


def histories_of(state: list[list[State]], seeds: int) -> Histories:
    """The inverse of :func:`histories_state`.

    Raises:
        ValueError: They are of another number of seeds.
    """
    if len(state) != seeds:
        raise ValueError(f"histories of {len(state)} seeds, not {seeds}")
    return [[EpochRecord.from_dict(record) for record in own] for own in state]


@dataclass
class FitResult:
    """A trained network and how it does.

    Args:
        method: What trained it.
        seed: With which seed.
        network: The trained blocks, on the training device.
        readout: Maps the last block's output to scores whose argmax is the prediction.
        accuracies: Share predicted right, by split.
        seconds: Training time, shared among those that trained as one; evaluation and listeners are
            not in it.
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
class Member:
    """One seed's part in a stage.

    Args:
        module: What early stopping keeps of it.
        snapshot: How listeners see it.
        listeners: Called with every event, in order.
    """

    module: nn.Module
    snapshot: Snapshot
    listeners: Sequence[Listener]


class Stage:
    """What trainers optimise in one go, a network for each seed, and whom they tell.

    Args:
        method: The trainers' name.
        name: The block's name, or ``network``.
        index: Which stage this is, from 0.
        stages: How many there are.
        data: For the labels of the validation split.
        loop: Optimises it.
        members: One for each of the loop's seeds.
    """

    def __init__(
        self,
        *,
        method: Method,
        name: str,
        index: int,
        stages: int,
        data: Dataset,
        loop: EpochLoop,
        members: Sequence[Member],
    ) -> None:
        self.method = method
        self.name = name
        self.index = index
        self.stages = stages
        self.data = data
        self.loop = loop
        self.members = members
        self.histories: Histories = [[] for _ in members]
        self.ceilings = ceilings(data)
        self.going = list(range(len(members)))
        stops_early = loop.config.patience and data.validation is not None
        self.stoppings = [
            EarlyStopping(member.module, loop.config.patience)
            for member in (members if stops_early else ())
        ]

    def run(self, keeper: Keeper) -> Histories:
        """Trains all epochs, or until validation stops improving for every seed.

        Args:
            keeper: Has the state to go on from, and is offered the stage's as it changes.

        Returns:
            Each seed's epochs, up to where it would have stopped by itself.

        Raises:
            NonFiniteError: A figure became NaN or infinite; says where.
        """
        restored = keeper.restored()
        if restored:
            with restoring():
                self.load_state_dict(restored)
        else:
            for index in self.going:
                self._emit("start", index)
        while self.going and self.loop.epoch < self.loop.config.epochs:
            figures = self._run_epoch(lambda: keeper.after_step(self.state_dict))
            for index in list(self.going):
                self._end_epoch(index, figures[index])
            keeper.after_epoch(self.state_dict)
        for stopping in self.stoppings:
            stopping.restore()
        for index in range(len(self.members)):
            self._emit("end", index)
        return self.histories

    def state_dict(self) -> State:
        """Everything that the epochs to come, and what is told of them, depend on."""
        return {
            "loop": self.loop.state_dict(),
            "going": self.going,
            "stoppings": [stopping.state_dict() for stopping in self.stoppings],
            "histories": histories_state(self.histories),
        }

    def load_state_dict(self, state: State) -> None:
        """Goes on from there."""
        self.loop.load_state_dict(state["loop"])
        self.going = [index for index in self.going if index in state["going"]]
        for stopping, own in zip(self.stoppings, state["stoppings"], strict=True):
            stopping.load_state_dict(own)
        self.histories = histories_of(state["histories"], len(self.members))

    def _end_epoch(self, index: int, figures: dict[str, float]) -> None:
        """Records and tells what a member's epoch brought, and whether it was its last."""
        stopping = self.stoppings[index] if self.stoppings else None
        if stopping:
            figures["validation_accuracy"] = self._validation_accuracy(index)
        history = self.histories[index]
        flags = divergence_flags([*(record.figures for record in history), figures], self.ceilings)
        history.append(EpochRecord(self.name, self.loop.epoch, figures, flags))
        self._emit("epoch", index)
        if stopping and stopping.should_stop(figures["validation_accuracy"]):
            self.going.remove(index)

    def _run_epoch(self, after_step: Callable[[], None]) -> list[dict[str, float]]:
        where, size = f"{self.method}, {self.name}", self.loop.batch_size
        try:
            with memory_advice(where, f"--batch-size (now {size}) or the widths in --hidden"):
                return self.loop.run_epoch(after_step)
        except NonFiniteError as error:
            raise NonFiniteError(f"{where}: {error}") from error

    def _validation_accuracy(self, index: int) -> float:
        assert self.data.validation is not None
        return self.members[index].snapshot.accuracy("validation", self.data.validation.y)

    def _emit(self, kind: Literal["start", "epoch", "end"], index: int) -> None:
        """Tells a member's listeners where it is: at its last epoch, if it has done one."""
        last = self.histories[index][-1] if self.histories[index] else EpochRecord("", 0, {})
        event = Event(
            kind=kind,
            method=self.method,
            seed=self.loop.seeds[index],
            stage=self.name,
            index=self.index,
            stages=self.stages,
            epoch=last.epoch,
            epochs=self.loop.config.epochs,
            figures=last.figures,
            flags=last.flags,
            snapshot=self.members[index].snapshot,
        )
        for listener in self.members[index].listeners:
            listener(event)


def check_alike(networks: Sequence[nn.Module], *settings: Sequence[object]) -> None:
    """Checks that several trainings can be one.

    Args:
        networks: Must have the same weights' shapes.
        settings: Of each training, which must all be equal.

    Raises:
        ConfigError: They differ.
        ModelError: If two networks share weights.
    """
    check_trainable((f"network {index}", network) for index, network in enumerate(networks))
    shapes = [[p.shape for p in network.parameters()] for network in networks]
    for values, what in ((shapes, "networks"), *((own, "settings") for own in settings)):
        if any(value != values[0] for value in values):
            raise ConfigError(f"{what} that differ", f"the same {what}", "training together")


def identity(
    method: Method,
    network: nn.Module,
    data: Dataset,
    seeds: Sequence[int],
    **settings: ObjectiveConfig | OptimConfig,
) -> State:
    """What a checkpoint belongs to: settings, the network's modules and shapes, device and samples.

    Args:
        method: The trainers' name.
        network: One of the networks, which are alike.
        data: What they train on.
        seeds: Of the trainings.
        **settings: Of each training, by the name of their table.
    """
    tables = {f"{table}.{k}": v for table, own in settings.items() for k, v in asdict(own).items()}
    modules = {f"model.{name}": type(part).__name__ for name, part in network.named_modules()}
    # a module's extra state may be anything
    state = network.state_dict().items()
    weights = {f"shape of {name}": part.shape for name, part in state if isinstance(part, Tensor)}
    return {
        "method": method,
        "seeds": list(seeds),
        "device": data.train.x.device.type,
        **tables,
        **modules,
        **weights,
        "samples": data.fingerprint(),
    }


def evaluate(snapshot: Snapshot, data: Dataset) -> dict[str, float]:
    """Accuracy on every split, by its name."""
    return {name: snapshot.accuracy(name, split.y) for name, split in data.splits.items()}
