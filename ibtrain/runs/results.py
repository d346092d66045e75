"""The results of a run: the document ``results.json``, and the trained networks."""

import math
import resource
import sys
from dataclasses import asdict, dataclass, field
from typing import Any

from ibtrain.checks import check_integer, check_number
from ibtrain.config import Method, RunConfig
from ibtrain.config.recipes import margin_of
from ibtrain.data.dataset import Dataset, label_entropy
from ibtrain.plane.point import PlanePoint
from ibtrain.plane.samples import measured_labels, measured_samples
from ibtrain.runs.verdicts import results_verdict
from ibtrain.train.results import FitResult

__all__ = ["MethodResult", "Results"]

_ACCURACY = "_accuracy"
_PLANE_SETTINGS = ("on", "noise_std", "noise_scale", "unit")
"""Settings of the plane that the values depend on."""


@dataclass(frozen=True)
class MethodResult:
    """Result of one method with one seed.

    Args:
        seed: Random seed.
        accuracies: Share of correctly classified samples, by split.
        seconds: Training time, without evaluation and information plane.
        layers: Every layer's last point on the information plane.
        fit: The trained network; None if an earlier process trained it and saved it in the run's
            folder.
    """

    seed: int
    accuracies: dict[str, float]
    seconds: float
    layers: list[PlanePoint]
    fit: FitResult | None = None

    @classmethod
    def of(cls, fit: FitResult, layers: list[PlanePoint]) -> "MethodResult":
        """Makes the result of a network that this process has trained, from its fit and its layers' last points."""
        return cls(fit.seed, fit.accuracies, fit.seconds, layers, fit)

    def to_dict(self) -> dict[str, Any]:
        """The entry of ``results.json``."""
        return {
            "seed": self.seed,
            **{f"{split}{_ACCURACY}": value for split, value in self.accuracies.items()},
            "seconds": self.seconds,
            "layers": [_layer(point) for point in self.layers],
        }

    @classmethod
    def from_dict(cls, method: Method, entry: dict[str, Any]) -> "MethodResult":
        """The inverse of :meth:`to_dict`, without the network."""
        seed = entry["seed"]
        accuracies = {
            name.removesuffix(_ACCURACY): value
            for name, value in entry.items()
            if name.endswith(_ACCURACY)
        }
        check_integer("seed", seed, 0)
        check_number("seconds", entry["seconds"], 0)
        for name, value in accuracies.items():
            check_number(name, value, 0)
        layers = [
            PlanePoint.from_dict({"method": method, "seed": seed, "layer": name, **layer})
            for layer in (dict(layer) for layer in entry["layers"])
            for name in [layer.pop("name")]
        ]
        return cls(seed, accuracies, entry["seconds"], layers)


def _layer(point: PlanePoint) -> dict[str, Any]:
    fields = point.to_dict()
    name = fields.pop("layer")
    return {"name": name, **{k: v for k, v in fields.items() if k not in ("method", "seed")}}


@dataclass
class Results:
    """Results of a run; ``methods`` maps each method to one result per seed."""

    data: Dataset
    config: RunConfig
    methods: dict[Method, list[MethodResult]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The document ``results.json``, without its schema number."""
        plane = self.config.plane
        labels = measured_labels(self.data, measured_samples(self.data, plane))
        document: dict[str, Any] = {
            "dataset": self.data.name,
            "train_share": self.config.train_share,
            "label_noise": self.config.label_noise,
            "n_train": len(self.data.train),
            "n_test": len(self.data.test),
            "plane_samples": len(labels),
            "majority_accuracy": self.data.majority_accuracy,
            "label_entropy": label_entropy(labels),
            "ln_n": math.log(len(labels)),
            "objective": asdict(self.config.objective),
            "plane": {name: getattr(plane, name) for name in _PLANE_SETTINGS},
            "evaluate_on": self.config.evaluate_on,
            "margin": margin_of(self.config.dataset, self.config.margin),
            "peak_memory_mib": peak_memory_mib(),
            **{
                method: [result.to_dict() for result in results]
                for method, results in self.methods.items()
            },
        }
        verdict = results_verdict(document)
        return {**document, "difference": verdict.to_dict()} if verdict else document


def peak_memory_mib() -> float:
    """Peak resident memory of this process, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
