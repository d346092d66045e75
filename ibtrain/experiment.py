"""From a run's settings to its results: the one place where data, model, trainers and plane meet."""

import math
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ibtrain.config import Method, RunConfig
from ibtrain.data.dataset import Dataset, label_entropy
from ibtrain.data.load import load_dataset
from ibtrain.device import choose_device, choose_threads, threads
from ibtrain.models.build import build_model
from ibtrain.plane.point import PlanePoint
from ibtrain.plane.tracker import InformationPlane, plane_index
from ibtrain.recipes import with_recipes
from ibtrain.train.endtoend import EndToEndTrainer
from ibtrain.train.events import Event, Listener
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.stage import FitResult

__all__ = ["Experiment", "MethodResult", "Results"]

Record = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class MethodResult:
    """One method trained with one seed: the trained network, and its layers at the end."""

    fit: FitResult
    layers: list[PlanePoint]

    def to_dict(self) -> dict[str, Any]:
        """The entry of ``results.json``."""
        accuracies = {f"{split}_accuracy": value for split, value in self.fit.accuracies.items()}
        return {
            "seed": self.fit.seed,
            **accuracies,
            "seconds": self.fit.seconds,
            "layers": [_layer(point) for point in self.layers],
        }


def _layer(point: PlanePoint) -> dict[str, Any]:
    fields = point.to_dict()
    name = fields.pop("layer")
    return {"name": name, **{k: v for k, v in fields.items() if k not in ("method", "seed")}}


@dataclass
class Results:
    """What a run found; ``methods`` holds a result for each seed."""

    data: Dataset
    config: RunConfig
    methods: dict[Method, list[MethodResult]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The document ``results.json``, its schema number aside."""
        index = plane_index(self.data.test, self.config.plane.samples)
        return {
            "dataset": self.data.name,
            "n_train": len(self.data.train),
            "n_test": len(self.data.test),
            "plane_samples": len(index),
            "chance_accuracy": self.data.chance_accuracy,
            "label_entropy": label_entropy(self.data.test.y[index]),
            "ln_n": math.log(len(index)),
            "objective": asdict(self.config.objective),
            "peak_memory_mib": peak_memory_mib(),
            **{
                method: [result.to_dict() for result in results]
                for method, results in self.methods.items()
            },
        }


def peak_memory_mib() -> float:
    """The most memory that this process has had resident, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


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
        validation = config.validation
        self.data = load_dataset(
            config.dataset, config.data_root, validation=validation, device=self.device
        )
        model = build_model(config.model, self.data, config.seeds[0])
        LayerwiseTrainer(model, config.objective)
        weights = sum(parameter.numel() for parameter in model.parameters())
        batch_size = max(config.optim(method).batch_size for method in config.methods)
        self.threads = config.threads or choose_threads(batch_size, weights)
        readout = config.objective.readout
        self.stages = {"layerwise": len(model) - (readout == "critic"), "end_to_end": 1}

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
        results = Results(self.data, self.config)
        seeds = self.config.seeds
        # a CPU gains nothing from seeds that train as one, and would hold all their activations
        groups = [(seed,) for seed in seeds] if self.device.type == "cpu" else [seeds]
        with threads(self.threads):
            for group in groups:
                for method in self.config.methods:
                    for result in self._train(method, group, listeners, record or _ignore):
                        results.methods.setdefault(method, []).append(result)
                        if on_result:
                            on_result(result.fit)
        return results

    def _train(
        self, method: Method, seeds: Sequence[int], listeners: Sequence[Listener], record: Record
    ) -> list[MethodResult]:
        planes = [self._plane(seed, record) for seed in seeds]

        def record_epoch(event: Event) -> None:
            if event.kind == "epoch":
                record(_epoch_record(event, self.data))

        heard: list[list[Listener]] = [
            [record_epoch, *([plane] if plane else []), *listeners] for plane in planes
        ]
        results = []
        for fit, plane in zip(self._fit(method, seeds, heard), planes, strict=True):
            last = {point.layer: point for point in plane.points} if plane else {}
            result = MethodResult(fit, list(last.values()))
            record({"event": "result", "method": method, **result.to_dict()})
            results.append(result)
        return results

    def _fit(
        self, method: Method, seeds: Sequence[int], heard: Sequence[Sequence[Listener]]
    ) -> list[FitResult]:
        models = [build_model(self.config.model, self.data, seed) for seed in seeds]
        optim = self.config.optim(method)
        each = list(zip(models, seeds, heard, strict=True))
        if method == "layerwise":
            objective = self.config.objective
            return LayerwiseTrainer.fit_together(
                [LayerwiseTrainer(m, objective, optim, seed=s, listeners=h) for m, s, h in each],
                self.data,
            )
        return EndToEndTrainer.fit_together(
            [EndToEndTrainer(m, optim, seed=s, listeners=h) for m, s, h in each], self.data
        )

    def _plane(self, seed: int, record: Record) -> InformationPlane | None:
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
        "test_accuracy": event.snapshot.accuracy("test", data.test.y),
    }
