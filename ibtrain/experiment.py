"""From a run's settings to its results: the one place where data, model, trainers and plane meet."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from ibtrain.checks import check_integer
from ibtrain.config import METHODS, Method, RunConfig, difference
from ibtrain.data.dataset import Dataset
from ibtrain.data.load import load_dataset
from ibtrain.device import choose_device, choose_threads, threads
from ibtrain.errors import RunFolderError
from ibtrain.gradients import differentiable
from ibtrain.memory import memory_advice
from ibtrain.models.blocks import block_outputs
from ibtrain.models.build import build_model
from ibtrain.models.mlp import check_weights
from ibtrain.plane.point import PlanePoint
from ibtrain.plane.tracker import InformationPlane
from ibtrain.precision import check_precision
from ibtrain.recipes import with_recipes
from ibtrain.results import MethodResult, Results
from ibtrain.train.endtoend import EndToEndTrainer
from ibtrain.train.events import Event, Listener
from ibtrain.train.keeper import Keeper, Nested, State, restoring
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.objectives.critics import features_read
from ibtrain.train.stage import FitResult

__all__ = ["Course", "Experiment"]

Record = Callable[[dict[str, Any]], None]


class Experiment:
    """A run that is ready to start: its data loaded, its model checked, its device and threads chosen.

    Args:
        config: What is run.

    Raises:
        InvalidInputError: The settings, the data or the model can't be used.
    """

    def __init__(self, config: RunConfig) -> None:
        self.config = config = with_recipes(config)
        self.device = choose_device(config.device)
        for method in config.methods:
            check_precision(config.optim(method).precision, self.device)
        # on one thread sums are the same on every machine, and so are the samples of a run that goes
        # on on another one
        with threads(1):
            self.data = load_dataset(
                config.dataset,
                config.data_root,
                validation=config.validation,
                resize=config.resize,
                device=self.device,
            )
        with differentiable():
            model = build_model(config.model, self.data, config.seeds[0])
        trainer = LayerwiseTrainer(model, config.objective)
        outputs = block_outputs(model.eval(), self.data.train.x[:2])
        self.dims = {name: h[0].numel() for name, h in outputs.items()}
        self._check_critics(max(features_read(h.shape[1:]) for h in outputs.values()))
        weights = sum(parameter.numel() for parameter in model.parameters())
        batch_size = max(config.optim(method).batch_size for method in config.methods)
        self.threads = config.threads or choose_threads(batch_size, weights)
        self.stages = {"layerwise": len(trainer.stages), "end_to_end": 1}

    def _check_critics(self, widest: int) -> None:
        """Checks that memory holds the critics of the widest layer, before they are made."""
        objective = self.config.objective
        label = objective.critic_width * (widest + self.data.num_classes)
        check_weights(label + 2 * objective.pair_critic_width * widest, "critics of ")

    def check_plane(self, state: State) -> None:
        """Checks the layers that a plane's kept state declares, before anything is built for them.

        Raises:
            ValueError: If the network has no such layers.
        """
        for entry in state["layers"]:
            if self.dims.get(entry["layer"]) != entry["dim"]:
                raise ValueError(f"a layer {entry['layer']!r} of {entry['dim']} units")

    def run(
        self,
        listeners: Sequence[Listener] = (),
        record: Record | None = None,
        on_result: Callable[[FitResult], None] | None = None,
    ) -> Results:
        """Trains every method with every seed; on an accelerator a method's seeds train as one.

        Args:
            listeners: Called with every training event, after the plane has measured it.
            record: Called with a JSON-ready dictionary for every epoch, plane point and result.
            on_result: Called with each trained network as soon as there is one.

        Raises:
            NonFiniteError: A training diverged.
        """
        return Course(self).run(listeners, record, on_result)

    @property
    def trainings(self) -> list[tuple[Method, tuple[int, ...]]]:
        """What is trained in one go, a method with some of the seeds, in order."""
        seeds = self.config.seeds
        # a CPU gains nothing from seeds that train as one, and would hold all their activations
        groups = [(seed,) for seed in seeds] if self.device.type == "cpu" else [seeds]
        return [(method, group) for group in groups for method in self.config.methods]

    def plane(self, seed: int, record: Record) -> InformationPlane | None:
        """What measures the layers of one network; None where nothing is to be measured."""
        if not self.config.plane.points:
            return None

        def record_point(point: PlanePoint) -> None:
            record({"event": "plane", "point": point.to_dict()})

        objective = self.config.objective
        return InformationPlane(
            self.data,
            objective.noise_std,
            objective.noise_scale,
            self.config.plane,
            seed=seed,
            on_point=record_point,
        )

    def fit(
        self,
        method: Method,
        seeds: Sequence[int],
        heard: Sequence[Sequence[Listener]],
        keeper: Keeper,
    ) -> list[FitResult]:
        """Trains a network for each seed, each with its own listeners."""
        models = [build_model(self.config.model, self.data, seed) for seed in seeds]
        optim = self.config.optim(method)
        each = list(zip(models, seeds, heard, strict=True))
        if method == "layerwise":
            objective = self.config.objective
            return LayerwiseTrainer.fit_together(
                [LayerwiseTrainer(m, objective, optim, seed=s, listeners=h) for m, s, h in each],
                self.data,
                keeper,
            )
        return EndToEndTrainer.fit_together(
            [EndToEndTrainer(m, optim, seed=s, listeners=h) for m, s, h in each], self.data, keeper
        )


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
        """Goes on to the end; see :meth:`Experiment.run`.

        Where it goes on from a kept state, ``records`` is how many records had been made by then:
        those after them will be made again.
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
