"""A trainer's callback that measures the layers on the information plane during training."""

import math
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from ibtrain.backend.gradients import differentiable
from ibtrain.backend.memory import memory_advice
from ibtrain.backend.seeding import derive_seed, generator
from ibtrain.checks import LARGEST_FLOAT32, check_integer
from ibtrain.config import Method, PlaneConfig, check_noise_std
from ibtrain.data.dataset import Dataset, Split
from ibtrain.errors import ConfigError, NonFiniteError
from ibtrain.mi.channel.noise import activation_scale
from ibtrain.mi.result import Estimate
from ibtrain.plane.measures import LayerSample, LayerSpec, Measure, checked_values, measure_class
from ibtrain.plane.point import PlanePoint
from ibtrain.train.callbacks import Event

__all__ = ["InformationPlane", "log_spaced_epochs", "plane_index"]


_MEMORY_ADVICE = "--plane-samples, or train_samples and batch_size of the plane in --config"


def log_spaced_epochs(epochs: int, points: int) -> list[int]:
    """Epochs at which a plane is measured: 0, then log-spaced from 1 to the last.

    Args:
        epochs: Number of epochs of the training.
        points: Maximum number of points, at least 2; rounding to whole epochs merges some of them.

    Returns:
        The epochs in increasing order, including 0 and ``epochs``.
    """
    if points < 3 or epochs == 1:
        return [0, epochs]
    ratio = epochs ** (1 / (points - 2))
    return sorted({0, epochs, *(round(ratio**k) for k in range(points - 1))})


def plane_index(split: Split, count: int) -> Int[Tensor, " n"]:
    """Indices of the samples of a split that the plane uses: at most ``count``, the same in all runs.

    The samples are drawn at random, because many data sets are sorted by class.
    """
    if count >= len(split):
        return torch.arange(len(split), device=split.y.device)
    order = torch.randperm(len(split), generator=generator(torch.device("cpu"), 0, "plane"))
    return order[:count].to(split.y.device)


class InformationPlane:
    """A trainer's callback that records every layer's position on the information plane.

    At log-spaced epochs, and at the start and end of each stage, it applies the measures of ``config``
    (:mod:`ibtrain.plane.measures`) to the layers in training. The held-out samples are a fixed random
    subset of the test split.

    Args:
        data: Data set of the training.
        noise_std: Standard deviation of the noise, one value or one for each layer in order.
        noise_scale: ``absolute``, or ``relative`` to each layer's current scale.
        config: Measures, points, samples and critic steps.
        seed: Seeds the critics and the noise.
        on_point: Called with each new point.

    Raises:
        ConfigError: If the noise is 0, because I(x; t) is then infinite or constant, or if it is outside
            the limits of float32.
    """

    @differentiable()
    def __init__(
        self,
        data: Dataset,
        noise_std: float | tuple[float, ...] = 0.5,
        noise_scale: str = "absolute",
        config: PlaneConfig | None = None,
        *,
        seed: int = 0,
        on_point: Callable[[PlanePoint], None] | None = None,
    ) -> None:
        self.noise_stds = noise_std if isinstance(noise_std, tuple) else (noise_std,)
        for value in self.noise_stds:
            check_noise_std("noise_std of the information plane", value)
        if min(self.noise_stds) <= 0:
            expected = "above 0 (I(x; h) of a deterministic layer is infinite or constant)"
            raise ConfigError(noise_std, expected, "noise_std of the information plane")
        self.relative = noise_scale == "relative"
        self.config = config or PlaneConfig()
        self.seed = seed
        self.on_point = on_point
        self.points: list[PlanePoint] = []
        self.train_index = plane_index(data.train, self.config.train_samples)
        self.test_index = plane_index(data.test, self.config.samples)
        self.y_train = data.train.y[self.train_index]
        self.y_test = data.test.y[self.test_index]
        self.log_prior = data.log_prior
        self._classes = {name: measure_class(name) for name in self.config.measures}
        self._measures: dict[tuple[Method, str], dict[str, Measure]] = {}

    def __call__(self, event: Event) -> None:
        """Measures the layers in training, if a point is due at this event."""
        if self.config.points == 0 or not self._is_due(event):
            return
        with memory_advice(f"plane, {event.stage}", _MEMORY_ADVICE):
            self._measure_all(event)

    def _measure_all(self, event: Event) -> None:
        """Measures every layer in training."""
        if event.kind == "start":
            # layers of earlier stages are frozen, and are not measured any more
            self._measures = {}
        activations = event.model.activations("train", self.train_index)
        held_out = event.model.activations("test", self.test_index)
        for index, (layer, h_train) in enumerate(activations.items(), event.index):
            point = self._measure(event, layer, index, h_train, held_out[layer])
            self.points.append(point)
            if self.on_point:
                self.on_point(point)

    def state_dict(self) -> dict[str, Any]:
        """The points so far, and the states of the measures of the layers in training."""
        return {
            "points": [point.to_dict() for point in self.points],
            "layers": [
                {
                    "method": method,
                    "layer": layer,
                    "dim": next(iter(measures.values())).spec.dim,
                    "measures": {name: measure.state_dict() for name, measure in measures.items()},
                }
                for (method, layer), measures in self._measures.items()
            ],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores a state of :meth:`state_dict`.

        Raises:
            ValueError: If a layer's dimension does not match the states of its measures.
        """
        self.points = [PlanePoint.from_dict(point) for point in state["points"]]
        for entry in state["layers"]:
            # before memory is allocated: the dimension is only a number in an untrusted file
            check_integer("dim", entry["dim"], 1)
            spec = self._spec(entry["method"], entry["layer"], entry["dim"])
            states = entry["measures"]
            for name, measure_type in self._classes.items():
                measure_type.check_state(states[name], spec)
            measures = self._create_measures(spec, (entry["method"], entry["layer"]))
            for name, measure in measures.items():
                measure.load_state_dict(states[name])

    def _spec(self, method: Method, layer: str, dim: int) -> LayerSpec:
        return LayerSpec(dim, self.log_prior, derive_seed(self.seed, method, layer), self.config)

    def _create_measures(self, spec: LayerSpec, key: tuple[Method, str]) -> dict[str, Measure]:
        """Creates the measures of a layer."""
        measures = {name: measure_type(spec) for name, measure_type in self._classes.items()}
        self._measures[key] = measures
        return measures

    def _noise_std(self, index: int) -> float:
        if len(self.noise_stds) == 1:
            return self.noise_stds[0]
        if index >= len(self.noise_stds):
            expected = "1, or one for each layer"
            raise ConfigError(f"{len(self.noise_stds)} values", expected, "noise_std of the plane")
        return self.noise_stds[index]

    def _is_due(self, event: Event) -> bool:
        if event.kind != "epoch":
            return True
        due = log_spaced_epochs(event.epochs, self.config.points)
        return event.epoch in due and event.epoch != event.epochs

    def _measure(
        self, event: Event, layer: str, index: int, h_train: Tensor, h_test: Tensor
    ) -> PlanePoint:
        where = f"{event.method}, {layer}, epoch {event.epoch}, seed {event.seed}"
        scale = activation_scale(h_train).item()
        if not math.isfinite(scale):
            raise NonFiniteError(f"{where}: the activations' scale became {scale}")
        sigma = self._noise_std(index)
        sigma = sigma * scale if self.relative else sigma
        key = (event.method, layer)
        if event.kind == "start":
            self._create_measures(self._spec(event.method, layer, h_train.shape[1]), key)
        sample = LayerSample(
            h_train, self.y_train, h_test, self.y_test, sigma, self.seed, event.kind
        )
        scalars: dict[str, float] = {"sigma": sigma, "activation_scale": scale}
        estimates: dict[str, Estimate] = {}
        for measure in self._measures[key].values():
            for name, value in checked_values(measure, sample, {*scalars, *estimates}).items():
                if isinstance(value, Estimate):
                    estimates[name] = value
                else:
                    scalars[name] = value
        point = PlanePoint(event.method, event.seed, layer, event.epoch, scalars, estimates)
        for name, value in point.values():
            if not abs(value) < LARGEST_FLOAT32:
                raise NonFiniteError(f"{where}: {name} became {value} on the plane")
        return point
