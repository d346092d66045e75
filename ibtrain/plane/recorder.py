"""Measures layers again and again, and keeps their points on the information plane."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from jaxtyping import Float, Int
from torch import Tensor, nn

from ibtrain.backend.process_group import alone, num_processes
from ibtrain.backend.seeding import derive_seed
from ibtrain.checks import LARGEST_FLOAT32, check_integer
from ibtrain.config import PlaneConfig
from ibtrain.config.settings import check_config
from ibtrain.errors import ConfigError, NonFiniteError
from ibtrain.mi.channel.noise import activation_scale
from ibtrain.mi.result import Estimate
from ibtrain.plane.gradients import GradientStatistics
from ibtrain.plane.measures import LayerSample, LayerSpec, Measure, Values, measure_class
from ibtrain.plane.point import PlaneMethod, PlanePoint
from ibtrain.plane.points import PlanePoints
from ibtrain.plane.shared import measured

__all__ = ["LayerActivations", "LayerRecorder", "with_noise"]

_Layer = tuple[PlaneMethod, int, str]
"""Method, seed and name of a layer."""


def with_noise(
    config: PlaneConfig | None,
    noise_std: float | tuple[float, ...] | None,
    noise_scale: str | None,
) -> PlaneConfig:
    """Returns settings, or the default ones, with another noise, or another unit of the noise, if they are given."""
    config = PlaneConfig() if config is None else config
    check_config("config", config, PlaneConfig)
    if noise_std is not None:
        values = noise_std if isinstance(noise_std, tuple) else (noise_std,)
        config = replace(config, noise_std=values)
    return config if noise_scale is None else replace(config, noise_scale=noise_scale)


@dataclass(frozen=True)
class LayerActivations:
    """A layer that is measured.

    Args:
        name: Name of the layer.
        index: Place of the layer, for its noise.
        h_train: Activations of the training samples, ``(n, dim)``.
        h_test: Activations of the held-out samples, ``(m, dim)``.
        module: The layer itself; None if it is not known.
    """

    name: str
    index: int
    h_train: Float[Tensor, "n dim"]
    h_test: Float[Tensor, "m dim"]
    module: nn.Module | None = None


class LayerRecorder(PlanePoints):
    """Applies the measures of a plane to layers, and keeps the points.

    Args:
        y_train: Classes of the samples to which critics and probes are fitted, ``(n,)``.
        y_test: Classes of the held-out samples, ``(m,)``.
        log_prior: Logarithm of the classes' probabilities, ``(classes,)``, on the device used.
        config: Measures, and their settings.
        seed: Seeds the critics and the noise.
        on_point: Called with each new point.

    Raises:
        ConfigError: If the plane is measured on training samples by a measure that is fitted to them.
    """

    def __init__(
        self,
        y_train: Int[Tensor, " n"],
        y_test: Int[Tensor, " m"],
        log_prior: Float[Tensor, " classes"],
        config: PlaneConfig,
        *,
        seed: int = 0,
        on_point: Callable[[PlanePoint], None] | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.seed = seed
        self.on_point = on_point
        self.y_train = y_train
        self.y_test = y_test
        self.log_prior = log_prior
        self._classes = {name: measure_class(name) for name in config.measures}
        fitted = [name for name, measure in self._classes.items() if measure.fits]
        if config.on != "test" and fitted:
            given = f"{', '.join(fitted)} on {config.on} samples, to which they are fitted"
            expected = "measures that fit nothing, such as --measures channel,binned,pairwise"
            raise ConfigError(given, expected, "plane measures")
        self._measures: dict[_Layer, dict[str, Measure]] = {}

    def check_layers(self, count: int) -> None:
        """Checks that there is one noise for all layers, or one for each.

        Raises:
            ConfigError: If there is another number of them.
        """
        values, _ = self.config.sigma
        if len(values) not in (1, count):
            expected = f"1, or one for each of {count} layers"
            raise ConfigError(f"{len(values)} values", expected, "plane noise_std")

    def forget(self, method: PlaneMethod, seed: int) -> None:
        """Drops the measures of a network's layers, which are not measured any more; the points stay.

        Args:
            method: What trains the network.
            seed: Seed of the training.
        """
        self._measures = {
            key: measures for key, measures in self._measures.items() if key[:2] != (method, seed)
        }

    def record(
        self,
        layers: Sequence[LayerActivations],
        *,
        method: PlaneMethod,
        seed: int,
        epoch: int | float,
        moment: Literal["start", "epoch", "end"],
        gradients: Callable[[], dict[str, GradientStatistics]] = dict,
    ) -> list[PlanePoint]:
        """Measures layers as they are now; several processes that train together share the work, and must all call this.

        Args:
            layers: The layers, and their activations.
            method: What trains the network.
            seed: Seed of the training.
            epoch: Epochs of the layers' training so far; a fraction within an epoch.
            moment: ``start`` or ``end`` of the layers' training, or an ``epoch`` in between.
            gradients: Computes the gradients of all layers, by name.

        Returns:
            A point for each layer.

        Raises:
            NonFiniteError: If an activation or a value is NaN or infinite.
        """
        # without other processes, a layer that can't be measured costs no earlier one its point
        groups = [[layer] for layer in layers] if num_processes() == 1 else [layers]
        count = len(self.points)
        for group in groups:
            begun = [self._begin(layer, method, seed, epoch) for layer in group]
            samples = [
                self._sample(layer, point.scalars["sigma"], moment, gradients)
                for layer, point in zip(group, begun, strict=True)
            ]
            measures = [self._measures_of(method, seed, layer) for layer in group]
            for point, values in zip(begun, measured(samples, measures), strict=True):
                self._add(point, values)
        return self.points[count:]

    def state_dict(self) -> dict[str, Any]:
        """The points so far, and the states of the measures of the layers in training."""
        return {
            "points": [point.to_dict() for point in self.points],
            "layers": [
                {
                    "method": method,
                    "seed": seed,
                    "layer": layer,
                    "dim": next(iter(measures.values())).spec.dim,
                    "measures": {name: measure.state_dict() for name, measure in measures.items()},
                }
                for (method, seed, layer), measures in self._measures.items()
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
            method, layer = entry["method"], entry["layer"]
            spec = self._spec(method, layer, entry["dim"])
            states = entry["measures"]
            for name, measure_type in self._classes.items():
                measure_type.check_state(states[name], spec)
            # earlier versions had one plane for each seed, with the same one
            key = method, entry.get("seed", self.seed), layer
            measures = self._create_measures(spec, key)
            for name, measure in measures.items():
                measure.load_state_dict(states[name])

    def _spec(self, method: PlaneMethod, layer: str, dim: int) -> LayerSpec:
        return LayerSpec(dim, self.log_prior, derive_seed(self.seed, method, layer), self.config)

    def _begin(
        self, layer: LayerActivations, method: PlaneMethod, seed: int, epoch: int | float
    ) -> PlanePoint:
        """The point of a layer before it is measured: with its noise, and the scale of its activations."""
        scale = activation_scale(layer.h_train).item()
        sigma = self._sigma(layer.index, scale, layer.h_train.shape[1])
        scalars = {"sigma": sigma, "activation_scale": scale}
        point = PlanePoint(method, seed, layer.name, epoch, scalars)
        if not math.isfinite(scale):
            raise NonFiniteError(f"{_place(point)}: the activations' scale became {scale}")
        return point

    def _sample(
        self,
        layer: LayerActivations,
        sigma: float,
        moment: Literal["start", "epoch", "end"],
        gradients: Callable[[], dict[str, GradientStatistics]],
    ) -> LayerSample:
        return LayerSample(
            layer.h_train,
            self.y_train,
            layer.h_test,
            self.y_test,
            sigma,
            self.seed,
            moment,
            layer.module,
            lambda: gradients().get(layer.name),
        )

    def _measures_of(
        self, method: PlaneMethod, seed: int, layer: LayerActivations
    ) -> list[Measure]:
        """The measures of a layer, which are created for its first point."""
        key = method, seed, layer.name
        if key not in self._measures:
            self._create_measures(self._spec(method, layer.name, layer.h_train.shape[1]), key)
        return list(self._measures[key].values())

    def _add(self, point: PlanePoint, values: Values) -> None:
        """Keeps a point with its measured values."""
        for name, value in values.items():
            if isinstance(value, Estimate):
                point.estimates[name] = value.to_unit(self.config.unit)
            else:
                point.scalars[name] = value
        for name, number in point.values():
            if not abs(number) < LARGEST_FLOAT32:
                raise NonFiniteError(f"{_place(point)}: {name} became {number} on the plane")
        self.points.append(point)
        if self.on_point:
            # what others do with a point need not be the same in all processes
            with alone():
                self.on_point(point)

    def _create_measures(self, spec: LayerSpec, key: _Layer) -> dict[str, Measure]:
        """Creates the measures of a layer."""
        measures = {name: measure_type(spec) for name, measure_type in self._classes.items()}
        self._measures[key] = measures
        return measures

    def _sigma(self, index: int, scale: float, dim: int) -> float:
        """Standard deviation of a layer's noise, in the units of its activations."""
        values, noise_scale = self.config.sigma
        if len(values) > 1:
            self.check_layers(max(len(values), index + 1))
        unit = {"absolute": 1.0, "relative": scale, "radius": scale * math.sqrt(dim)}
        return values[index if len(values) > 1 else 0] * unit[noise_scale]


def _place(point: PlanePoint) -> str:
    return f"{point.method}, {point.layer}, epoch {point.epoch:g}, seed {point.seed}"
