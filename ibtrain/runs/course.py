"""A run on its way: what is done, what is in training, and what has been recorded."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from ibtrain.backend.device import threads
from ibtrain.backend.gradients import differentiable
from ibtrain.backend.memory import memory_advice
from ibtrain.checks import check_integer
from ibtrain.config import METHODS, Method, difference
from ibtrain.data.dataset import Dataset
from ibtrain.errors import RunFolderError
from ibtrain.runs.experiment import Experiment, Record
from ibtrain.runs.results import MethodResult, Results
from ibtrain.train.events import Event, Listener
from ibtrain.train.keeper import Keeper, Nested, State, restoring
from ibtrain.train.stage import FitResult

__all__ = ["Course"]


class Course:
    """An experiment on its way: what is done, what is in training, and what has been recorded.

    Args:
        experiment: Ready to start.
        keeper: Has the state to go on from, and keeps the course's as it changes; None starts, and
            keeps nothing.

    Raises:
        RunFolderError: The kept state is of another run.
    """

    def __init__(self, experiment: Experiment, keeper: Keeper | None = None) -> None:
        self.experiment = experiment
        self.keeper = keeper or Keeper()
        self.results = Results(experiment.data, experiment.config)
        self.done = 0
        self.epochs = 0
        self.records = 0
        self._training: State | None = None
        self._on_record: Record = _ignore
        self._identity = _identity(experiment) if keeper else {}
        restored = self.keeper.restored()
        self.goes_on = restored is not None
        if restored:
            with restoring():
                self._load(restored)

    def run(
        self,
        listeners: Sequence[Listener] = (),
        record: Record | None = None,
        on_result: Callable[[FitResult], None] | None = None,
    ) -> Results:
        """Trains every method with every seed; on an accelerator a method's seeds train as one.

        Where it goes on from a kept state, ``records`` is how many records had been made by then:
        those after them will be made again.

        Args:
            listeners: Called with every training event, after the plane has measured it.
            record: Called with a JSON-ready dictionary for every epoch, plane point and result.
            on_result: Called with each trained network as soon as there is one.

        Raises:
            NonFiniteError: If a training diverged.
        """
        self._on_record = record or _ignore
        with threads(self.experiment.threads), differentiable():
            for method, seeds in self.experiment.trainings[self.done :]:
                for fit in self._train(method, seeds, listeners):
                    if on_result:
                        on_result(fit)
                self.done += 1
                self.keeper.after_stage(self._state)
        return self.results

    def _train(
        self, method: Method, seeds: Sequence[int], listeners: Sequence[Listener]
    ) -> list[FitResult]:
        """Trains what comes next, or goes on with it."""
        restored, self._training = self._training, None
        planes = [self.experiment.plane(seed, self._record) for seed in seeds]
        measuring = [plane for plane in planes if plane]
        fit_state = None
        if restored:
            with restoring():
                fit_state = restored["fit"]
                for plane, state in zip(measuring, restored["planes"], strict=True):
                    self.experiment.check_plane(state)
                    plane.load_state_dict(state)

        def wrap(fit: State) -> State:
            return self._state({"planes": [plane.state_dict() for plane in measuring], "fit": fit})

        heard: list[list[Listener]] = [
            [self._record_epoch, *([plane] if plane else []), *listeners] for plane in planes
        ]
        keeper = Nested(self.keeper, wrap, fit_state)
        with memory_advice(method, "--batch-size or the widths in --hidden"):
            fits = self.experiment.fit(method, seeds, heard, keeper)
        for fit, own in zip(fits, planes, strict=True):
            last = {point.layer: point for point in own.points} if own else {}
            result = MethodResult.of(fit, list(last.values()))
            self.results.methods.setdefault(method, []).append(result)
            self._record({"event": "result", "method": method, **result.to_dict()})
        return fits

    def _record(self, record: dict[str, Any]) -> None:
        self.records += 1
        self._on_record(record)

    def _record_epoch(self, event: Event) -> None:
        if event.kind == "epoch":
            self.epochs += 1
            self._record(_epoch_record(event, self.experiment.data))
        elif event.kind == "end":
            self.epochs += event.epochs - event.epoch

    def _state(self, training: State | None = None) -> State:
        """What is done, and the state of what is in training; None between two trainings."""
        results = self.results.methods
        return {
            "identity": self._identity,
            "done": self.done,
            "epochs": self.epochs,
            "records": self.records,
            "results": {method: [own.to_dict() for own in results[method]] for method in results},
            "training": training,
        }

    def _load(self, state: State) -> None:
        saved = state["identity"]
        if not isinstance(saved, dict):
            raise TypeError(f"a {type(saved).__name__} for the run's identity")
        # an ibtrain of another version may have saved more, or other, keys
        for name, value in self._identity.items():
            change = difference(value, saved.get(name), name)
            if change:
                place, wanted, there = change
                expected = f"those of a run with {place} {wanted}"
                raise RunFolderError(f"{place} {there}", expected, "checkpoints")
        for name in ("done", "epochs", "records"):
            check_integer(f"checkpoint's {name}", state[name], 0)
            setattr(self, name, state[name])
        self._training = state["training"]
        for method in METHODS:
            entries = state["results"].get(method, [])
            if entries:
                found = [MethodResult.from_dict(method, entry) for entry in entries]
                self.results.methods[method] = found
            done = self.experiment.trainings[: self.done]
            seeds = [seed for own, group in done if own == method for seed in group]
            if [entry["seed"] for entry in entries] != seeds:
                raise ValueError(f"results of other seeds than {seeds}")


def _identity(experiment: Experiment) -> State:
    """What a state must agree in with the run that goes on from it: settings, device and samples."""
    config: State = json.loads(experiment.config.to_json())
    return {**config, "device": experiment.device.type, "samples": experiment.data.fingerprint()}


def _ignore(record: dict[str, Any]) -> None:
    del record


def _epoch_record(event: Event, data: Dataset) -> dict[str, Any]:
    return {
        "event": "epoch",
        "method": event.method,
        "seed": event.seed,
        "stage": event.stage,
        "epoch": event.epoch,
        **event.figures,
        **({"flags": list(event.flags)} if event.flags else {}),
        "test_accuracy": event.snapshot.accuracy("test", data.test.y),
    }
