"""One stage of a training: one block, or all blocks that train at once, of one network."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

from ibtrain.backend.exchange import from_first
from ibtrain.backend.process_group import alone
from ibtrain.config import Method
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ConfigError
from ibtrain.train.alike import check_alike
from ibtrain.train.callbacks import CallbackLike, Event, ModelView, PlaneLike, step_callbacks
from ibtrain.train.checkpointer import State
from ibtrain.train.divergence import MIN_EPOCHS, ceilings, divergence_flags
from ibtrain.train.early_stopping import EarlyStopping
from ibtrain.train.loop import EpochLoop
from ibtrain.train.results import EpochRecord

__all__ = ["Stage"]


class Stage:
    """The epochs of one stage: their records, early stopping, and the events for callbacks.

    Args:
        method: The training method.
        name: Name of the block, or ``network``.
        index: Index of the stage, from 0.
        count: Number of stages.
        data: For the labels of the validation split, and the ceilings of bounds.
        loop: Takes the steps.
        model: What callbacks see of the network.
        callbacks: Called with every event, in order.

    Raises:
        ConfigError: If the processes that train together have planes with different settings.
    """

    def __init__(
        self,
        *,
        method: Method,
        name: str,
        index: int,
        count: int,
        data: Dataset,
        loop: EpochLoop,
        model: ModelView,
        callbacks: Sequence[CallbackLike],
    ) -> None:
        self.method = method
        self.name = name
        self.index = index
        self.count = count
        self.data = data
        self.loop = loop
        self.model = model
        self.callbacks = callbacks
        _check_planes(callbacks)
        self._step_callbacks = step_callbacks(callbacks)
        self._is_stopped = False
        self.history: list[EpochRecord] = []
        self.ceilings = ceilings(data)
        patience = loop.config.patience
        self.stopping = (
            EarlyStopping(loop.objective, patience)
            if patience and data.validation is not None
            else None
        )

    @property
    def is_done(self) -> bool:
        """Whether all epochs are done, validation has stopped improving, or a callback has stopped the stage."""
        stops = self.stopping is not None and self.stopping.should_stop
        return stops or self._is_stopped or self.loop.epoch == self.loop.config.epochs

    def start(self) -> None:
        """Tells callbacks that the stage begins."""
        self._emit("start", self.callbacks)
        self._is_stopped = from_first(self._is_stopped)

    def end_step(self) -> None:
        """Tells callbacks that a step has been taken."""
        if self._step_callbacks:
            self._emit("step", self._step_callbacks)

    def end_epoch(self, metrics: dict[str, float]) -> None:
        """Records an epoch, and tells callbacks."""
        if self.stopping:
            assert self.data.validation is not None
            with self._averaged():
                # one decision, also where processors round differently
                accuracy = from_first(self.model.accuracy("validation", self.data.validation.y))
                metrics["validation_accuracy"] = accuracy
                self.stopping.update(accuracy)
        # of thousands of epochs, the last ones only
        last = [record.metrics for record in self.history[-MIN_EPOCHS:]]
        flags = divergence_flags([*last, metrics], self.ceilings)
        self.history.append(EpochRecord(self.name, self.loop.epoch, metrics, flags))
        self._emit("epoch", self.callbacks)
        self._is_stopped = from_first(self._is_stopped)

    def finish(self) -> None:
        """Keeps the averaged weights, those of the best epoch if training stops early, and tells callbacks."""
        average = self.loop.average
        if average:
            average.apply()
        if self.stopping:
            self.stopping.restore()
        if average:
            average.keep()
        self._emit("end", self.callbacks)

    def state_dict(self) -> State:
        """Everything that the epochs to come, and their events, depend on."""
        return {
            "loop": self.loop.state_dict(),
            "stopping": self.stopping.state_dict() if self.stopping else None,
            "history": [vars(record) for record in self.history],
            "is_stopped": self._is_stopped,
        }

    def load_state_dict(self, state: State) -> None:
        """Restores a state of :meth:`state_dict`."""
        self.loop.load_state_dict(state["loop"])
        if self.stopping:
            self.stopping.load_state_dict(state["stopping"])
        self.history = [EpochRecord.from_dict(record) for record in state["history"]]
        # earlier versions could not be stopped
        self._is_stopped = state.get("is_stopped") is True

    def _stop(self) -> None:
        self._is_stopped = True

    def _emit(
        self, kind: Literal["start", "epoch", "end", "step"], callbacks: Sequence[CallbackLike]
    ) -> None:
        last = self.history[-1] if self.history else EpochRecord("", 0, {})
        event = Event(
            kind=kind,
            method=self.method,
            seed=self.loop.seed,
            stage=self.name,
            index=self.index,
            stages=self.count,
            epoch=last.epoch,
            epochs=self.loop.config.epochs,
            step=len(self.loop.metrics),
            steps=self.loop.steps_per_epoch,
            metrics=last.metrics,
            flags=last.flags,
            model=self.model,
            history=self.history,
            stop=self._stop,
        )
        with self._averaged():
            for callback in callbacks:
                # what others do need not be the same in all processes
                with nullcontext() if _shared_settings(callback) else alone():
                    if kind == "step":
                        callback.on_step(event)  # type: ignore[attr-defined]
                    else:
                        callback(event)

    def _averaged(self) -> AbstractContextManager[None]:
        """Within the block the network has the weights that are evaluated: their average, if there is one."""
        average = self.loop.average
        return average.applied() if average else nullcontext()


def _shared_settings(callback: CallbackLike) -> dict[str, Any]:
    """The settings of a callback whose work the processes that train together share; others have none."""
    return callback.shared_settings if isinstance(callback, PlaneLike) else {}


def _check_planes(callbacks: Sequence[CallbackLike]) -> None:
    """Checks that all processes share the same work, which they would wait for otherwise."""
    planes = list(filter(None, map(_shared_settings, callbacks)))
    expected = from_first(len(planes))
    if len(planes) != expected:
        given = f"{len(planes)} planes"
        raise ConfigError(given, f"{expected}, as in the first process", "callbacks")
    for plane in planes:
        check_alike(plane, "callbacks")
