"""Executes a run: its trainings in sequence, with their planes, events, checkpoints and results."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from ibtrain.backend.cuda_graphs import cuda_graphs
from ibtrain.backend.device import threads
from ibtrain.backend.exchange import from_first, share_generators
from ibtrain.backend.gradients import differentiable
from ibtrain.backend.memory import memory_advice
from ibtrain.backend.process_group import num_processes
from ibtrain.backend.seeding import generator
from ibtrain.checks import check_integer
from ibtrain.config import METHODS, Method, RunConfig, difference
from ibtrain.config.run import complete_tables
from ibtrain.config.settings import with_defaults
from ibtrain.data.dataset import Dataset
from ibtrain.errors import RunFolderError
from ibtrain.plane.point import PlanePoint
from ibtrain.plane.tracker import InformationPlane
from ibtrain.runs.results import MethodResult, Results
from ibtrain.runs.setup import RunSetup
from ibtrain.train.alike import check_alike
from ibtrain.train.callbacks import Callback, CallbackLike, Event
from ibtrain.train.checkpointer import Checkpointer, ScopedCheckpointer, State, restoring
from ibtrain.train.fit import fit_ensemble
from ibtrain.train.results import FitResult

__all__ = ["Run"]

MIN_EVALUATED = 1000
"""Smallest number of test samples that are evaluated after every epoch, if there are so many."""


class Run:
    """A run in progress: its finished trainings, the current one, and its records.

    Args:
        setup: Data, model, trainers and plane.
        checkpointer: Saves the state of the run and loads the last one; None saves nothing.
        record: Called with a JSON-ready dictionary for every epoch, plane point and result.
        on_fit: Called with each trained network.

    Attributes:
        is_resuming: Whether the run continues from a saved state.
        epochs: Number of finished epochs.
        records: Number of records so far. A run that continues from a saved state makes the records after
            this number again.

    Raises:
        RunFolderError: If the saved state belongs to another run.
    """

    def __init__(
        self,
        setup: RunSetup,
        checkpointer: Checkpointer | None = None,
        *,
        record: Callable[[dict[str, Any]], None] | None = None,
        on_fit: Callable[[FitResult], None] | None = None,
    ) -> None:
        self.setup = setup
        self.checkpointer = checkpointer or Checkpointer()
        self.results = Results(setup.data, setup.config)
        self.done = 0
        self.epochs = 0
        self.records = 0
        self._training: State | None = None
        self._on_record = record
        self._on_fit = on_fit
        # it hashes all samples
        identity = _identity(setup) if checkpointer or num_processes() > 1 else {}
        check_alike(identity, "torchrun")
        self._identity = identity if checkpointer else {}
        self._evaluated = evaluated_samples(setup.data)
        state = from_first(self.checkpointer.load())
        # dropout draws from them
        share_generators()
        self.is_resuming = state is not None
        if state is not None:
            with restoring():
                self._load(state)

    def train(self, callbacks: Sequence[CallbackLike] = ()) -> Results:
        """Trains every method with every seed; on an accelerator the seeds of a method train as one ensemble.

        Args:
            callbacks: Called with every training event, after the plane has measured it.

        Raises:
            NonFiniteError: If a training diverges.
        """
        use_graphs = cuda_graphs(self.setup.config.cuda_graphs)
        with threads(self.setup.threads), differentiable(), use_graphs:
            for method, seeds in self.setup.trainings[self.done :]:
                self._train(method, seeds, callbacks)
                self.done += 1
                self.checkpointer.after_stage(self._state)
        return self.results

    def _train(
        self, method: Method, seeds: Sequence[int], callbacks: Sequence[CallbackLike]
    ) -> None:
        """Trains one method with some of the seeds, or continues that training."""
        on_point = self._point_hook(callbacks)
        planes = [self.setup.plane(seed, on_point) for seed in seeds]
        trainers = [
            self.setup.trainer(method, seed, [self._on_event, *filter(None, [plane]), *callbacks])
            for seed, plane in zip(seeds, planes, strict=True)
        ]
        checkpointer = self._scoped([plane for plane in planes if plane])
        with memory_advice(method, "--batch-size or the widths in --hidden"):
            fits = fit_ensemble(trainers, self.setup.data, checkpointer)
        for fit, plane in zip(fits, planes, strict=True):
            last_points = {point.layer: point for point in plane.points} if plane else {}
            result = MethodResult.of(fit, list(last_points.values()))
            self.results.methods.setdefault(method, []).append(result)
            self._record({"event": "result", "method": method, **result.to_dict()})
            if self._on_fit:
                self._on_fit(fit)

    def _scoped(self, planes: Sequence[InformationPlane]) -> Checkpointer:
        """A checkpointer that saves and restores a training together with its planes."""
        saved, self._training = self._training, None
        if saved:
            with restoring():
                for plane, state in zip(planes, saved["planes"], strict=True):
                    self.setup.check_plane(state)
                    plane.load_state_dict(state)

        def wrap(fit: State) -> State:
            return self._state({"planes": [plane.state_dict() for plane in planes], "fit": fit})

        return ScopedCheckpointer(self.checkpointer, wrap, saved["fit"] if saved else None)

    def _record(self, record: dict[str, Any]) -> None:
        self.records += 1
        if self._on_record:
            self._on_record(record)

    def _point_hook(self, callbacks: Sequence[CallbackLike]) -> Callable[[PlanePoint], None]:
        """Records a new point of the plane, and passes it to the callbacks."""
        hooks = [callback.on_point for callback in callbacks if isinstance(callback, Callback)]

        def on_point(point: PlanePoint) -> None:
            self._record({"event": "plane", "point": point.to_dict()})
            for hook in hooks:
                hook(point)

        return on_point

    def _on_event(self, event: Event) -> None:
        if event.kind == "epoch":
            self.epochs += 1
            self._record(_epoch_record(event, self.setup.data, self._evaluated))
        elif event.kind == "end":
            self.epochs += event.epochs - event.epoch

    def _state(self, training: State | None = None) -> State:
        """The state of the run.

        Args:
            training: State of the current training; None between two trainings.
        """
        results = self.results.methods.items()
        return {
            "identity": self._identity,
            "done": self.done,
            "epochs": self.epochs,
            "records": self.records,
            "results": {
                method: [result.to_dict() for result in group] for method, group in results
            },
            "training": training,
        }

    def _load(self, state: State) -> None:
        identity = state["identity"]
        if not isinstance(identity, dict):
            raise TypeError(f"a {type(identity).__name__} for the run's identity")
        # another version of ibtrain may have saved more, fewer, or different keys
        saved = {**with_defaults(identity, RunConfig), **complete_tables(identity)}
        for name, value in self._identity.items():
            change = difference(value, saved.get(name), name)
            if change:
                place, required, existing = change
                expected = f"{place} {required}, as in this run"
                raise RunFolderError(f"{place} {existing}", expected, "checkpoints")
        for name in ("done", "epochs", "records"):
            check_integer(f"checkpoint's {name}", state[name], 0)
            setattr(self, name, state[name])
        self._training = state["training"]
        for method in METHODS:
            entries = state["results"].get(method, [])
            if entries:
                results = [MethodResult.from_dict(method, entry) for entry in entries]
                self.results.methods[method] = results
            done = self.setup.trainings[: self.done]
            seeds = [seed for trained, group in done if trained == method for seed in group]
            if [entry["seed"] for entry in entries] != seeds:
                raise ValueError(f"the results are not of seeds {seeds}")


def _identity(setup: RunSetup) -> State:
    """Settings, device and samples, which a saved state and the run must have in common."""
    config: State = json.loads(setup.config.to_json())
    return {**config, "device": setup.device.type, "samples": setup.data.fingerprint()}


def evaluated_samples(data: Dataset) -> Int[Tensor, " samples"] | None:
    """The test samples that are evaluated after every epoch; None for all.

    With few training samples, evaluating all test samples would take longer than the epoch.
    """
    count, total = max(len(data.train), MIN_EVALUATED), len(data.test)
    if count >= total:
        return None
    order = torch.randperm(total, generator=generator(torch.device("cpu"), 0, "evaluated"))
    return order[:count].to(data.test.y.device)


def _epoch_record(
    event: Event, data: Dataset, evaluated: Int[Tensor, " samples"] | None
) -> dict[str, Any]:
    return {
        "event": "epoch",
        "method": event.method,
        "seed": event.seed,
        "stage": event.stage,
        "epoch": event.epoch,
        **event.metrics,
        **({"flags": list(event.flags)} if event.flags else {}),
        "test_accuracy": event.model.accuracy("test", data.test.y, evaluated),
    }
