"""The information plane of any PyTorch module, in any training loop."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from ibtrain.backend.gradients import differentiable
from ibtrain.backend.modes import undisturbed
from ibtrain.checks import check_number
from ibtrain.config import PlaneConfig
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ConfigError, DataError, ModelError, warn
from ibtrain.plane.gradients import GradientStatistics, Loss, gradient_statistics
from ibtrain.plane.hooks import check_modules, default_layers, layer_outputs, module_name
from ibtrain.plane.measures import measure_class
from ibtrain.plane.point import PlanePoint
from ibtrain.plane.points import PlanePoints
from ibtrain.plane.recorder import LayerActivations, LayerRecorder, with_noise
from ibtrain.plane.samples import measured_labels, measured_samples
from ibtrain.plane.watched_samples import Samples, read_samples

__all__ = ["WatchedPlane", "measure"]

DEFAULT_MEASURES = ("channel", "binned")
"""Measures that need no training samples."""
BATCH = 512
"""Samples that the model reads at once."""
MAX_NUMBERS = 1 << 26
"""Activations in memory at once, unless a single layer has more: 256 MiB in float32."""


class WatchedPlane(LayerRecorder):
    """Measures layers of a model whenever :meth:`measure` is called, wherever it is trained.

    The model is run in evaluation mode and without gradients; its modes, its hooks and the state of torch's random
    numbers are left as they were.

    Args:
        model: Any module that maps a batch of inputs to anything.
        data: Samples on which the plane is measured: a :class:`~ibtrain.data.dataset.Dataset` (by default its test split), a
            pair of inputs and classes, or an iterable of such batches, such as a ``DataLoader``; at most
            ``config.samples`` are used.
        train: Samples to which the critics and probes of a measure are fitted, likewise; None is the training split of
            a data set. Needed by measures that fit something only (``mine``, ``probe``).
        layers: Names of modules, as in ``model.named_modules()``; None is every module with a weight matrix and every
            activation module. A module that is called several times in a forward pass is a layer at each call: ``relu#1``,
            ``relu#2`` and so on, all of which ``relu`` selects.
        measures: Names of measures (:data:`~ibtrain.config.MEASURES`); None is ``config.measures`` where they are not the default of
            training, and otherwise ``channel`` and ``binned``, which need no training samples.
        noise_std: Standard deviation of the noise, one value or one for each layer; None is ``config.noise_std``, and by
            default 0.16 of each layer's radius.
        noise_scale: Unit of ``noise_std``, one of :data:`~ibtrain.config.PLANE_NOISE_SCALES`; None is ``config.noise_scale``.
        config: Further settings of the measures.
        loss: Maps the model's output and the classes of a batch to the loss that trains it, for ``gradients``.
        seed: Seeds the critics and the noise.

    Raises:
        ModelError: If a layer is unknown, is not called in a forward pass, or does not return a tensor.
        DataError: If there are no samples, or none to fit critics to.

    Example:
        >>> x = torch.randn(64, 5, generator=torch.Generator().manual_seed(0))
        >>> model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2))
        >>> plane = WatchedPlane(model, (x, (x[:, 0] > 0).long()), measures=["channel"])
        >>> [point.layer for point in plane.measure(epoch=0)]
        ['0', '1', '2']
    """

    def __init__(
        self,
        model: nn.Module,
        data: Dataset | Samples | Iterable[Samples],
        layers: Sequence[str] | None = None,
        measures: Sequence[str] | None = None,
        *,
        train: Samples | Iterable[Samples] | None = None,
        noise_std: float | tuple[float, ...] | None = None,
        noise_scale: str | None = None,
        config: PlaneConfig | None = None,
        loss: Loss = nn.functional.cross_entropy,
        seed: int = 0,
    ) -> None:
        config = with_noise(config, noise_std, noise_scale)
        config = replace(config, measures=_chosen(measures, config))
        self.model = model
        self.loss = loss
        self._has_warned = False
        like = next((p for p in model.parameters() if p.is_floating_point()), torch.zeros(()))
        if isinstance(data, Dataset):
            train = (data.train.x, data.train.y) if train is None else train
            index = measured_samples(data, config)
            parts = [data.splits[name].x[rows] for name, rows in index.items()]
            data = torch.cat(parts), measured_labels(data, index)
        self.x_test, y_test = read_samples(data, config.samples, like, "data")
        if train is not None:
            self.x_train, y_train = read_samples(train, config.train_samples, like, "train")
        elif any(measure_class(name).fits for name in config.measures):
            expected = "train=(x, y), to which the critics and probes of these measures are fitted"
            raise DataError("no training samples", expected, "train")
        else:
            self.x_train, y_train = self.x_test, y_test
        classes = int(max(y_train.max(), y_test.max())) + 1
        counts = torch.bincount(torch.cat([y_train, y_test]), minlength=classes)
        log_prior = (counts / counts.sum()).log().float()
        super().__init__(y_train, y_test, log_prior, config, seed=seed)
        self.layers = self._choose_layers(layers)
        self.check_layers(len(self.layers))

    @differentiable()
    def measure(self, epoch: int) -> list[PlanePoint]:
        """Measures every layer as it is now.

        Args:
            epoch: Number of epochs that the model has been trained; higher than that of the points so far, or a warning is
                given, as paths would run back.

        Returns:
            The new points, one for each layer; ``points`` has all of them.

        Raises:
            ConfigError: If the epoch is no number from 0.
            NonFiniteError: If an activation or a value is NaN or infinite.
        """
        check_number("epoch", epoch, 0)
        last = max((point.epoch for point in self.points), default=-math.inf)
        if epoch <= last and not self._has_warned:
            self._has_warned = True
            message = f"epoch {epoch:g} is measured after epoch {last:g}, so that paths run back: watch a new training with a new plane"
            warn(message)
        moment: Any = "epoch" if self.points else "start"
        count = len(self.points)
        gradients = cache(self._gradients)
        for layers in self._groups():
            with undisturbed(self.model):
                held_out = self._activations(self.x_test, layers)
                is_same = self.x_train is self.x_test
                train = held_out if is_same else self._activations(self.x_train, layers)
            activations = [
                LayerActivations(
                    layer,
                    list(self.layers).index(layer),
                    train[layer],
                    held_out[layer],
                    self.model.get_submodule(module_name(layer)),
                )
                for layer in layers
            ]
            self.record(
                activations,
                method="watched",
                seed=self.seed,
                epoch=epoch,
                moment=moment,
                gradients=gradients,
            )
        return self.points[count:]

    def _groups(self) -> list[list[str]]:
        """Layers whose activations are in memory at once: few if they are large."""
        samples = len(self.x_test) + len(self.x_train) * (self.x_train is not self.x_test)
        groups: list[list[str]] = []
        total = math.inf
        for layer, dim in self.layers.items():
            total += dim * samples
            if total > MAX_NUMBERS:
                groups.append([])
                total = dim * samples
            groups[-1].append(layer)
        return groups

    @torch.no_grad()
    def _activations(self, x: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """The output of each layer, ``(n, dim)``."""
        chunks: dict[str, list[Tensor]] = {layer: [] for layer in layers}
        for batch in x.split(BATCH):
            for layer, h in layer_outputs(self.model, batch, layers).items():
                chunks[layer].append(h)
        return {layer: torch.cat(outputs) for layer, outputs in chunks.items()}

    def _gradients(self) -> dict[str, GradientStatistics]:
        """The gradients of all layers on the training samples, or else on the measured ones."""
        layers = {layer: self.model.get_submodule(module_name(layer)) for layer in self.layers}
        samples, size = (self.x_train, self.y_train), self.config.batch_size
        with undisturbed(self.model):
            try:
                return gradient_statistics(
                    lambda x, y: self.loss(self.model(x), y), *samples, layers, size
                )
            except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
                expected = f"a scalar from loss(model(x), y) that has gradients ({error})"
                raise ModelError("another loss", expected, "measure gradients") from error

    def _choose_layers(self, layers: Sequence[str] | None) -> dict[str, int]:
        """Runs two samples, and returns the dimension of each layer."""
        if isinstance(layers, str):
            raise ModelError(f"the string {layers!r}", "a list of names", "layers")
        chosen = default_layers(self.model) if layers is None else list(layers)
        check_modules(self.model, chosen)
        with undisturbed(self.model), torch.no_grad():
            try:
                outputs = layer_outputs(self.model, self.x_test[:2], chosen)
            except ModelError:
                raise
            except (RuntimeError, TypeError, ValueError) as error:
                given = f"samples of shape {tuple(self.x_test.shape[1:])}"
                raise ModelError(given, f"inputs of the model ({error})", "data") from error
        dims: dict[str, int] = {}
        for layer in outputs if layers is None else layers:
            calls = [name for name in outputs if layer in (name, module_name(name))]
            if not calls:
                expected = "a module that is called and returns a tensor"
                raise ModelError(f"a layer {layer!r} without outputs", expected, "layers")
            dims |= {name: outputs[name].shape[1] for name in calls}
        if not dims:
            raise ModelError("no layer", "at least one module to measure", "layers")
        return dims


def measure(
    model: nn.Module,
    data: Dataset | Samples | Iterable[Samples],
    layers: Sequence[str] | None = None,
    measures: Sequence[str] | None = None,
    **settings: Any,
) -> PlanePoints:
    """Measures the layers of a trained model once.

    Args:
        model: Any module that maps a batch of inputs to anything.
        data: Samples on which the layers are measured; see :class:`WatchedPlane`.
        layers: Names of modules; see :class:`WatchedPlane`.
        measures: Names of measures; see :class:`WatchedPlane`.
        settings: Further arguments of :class:`WatchedPlane`.

    Returns:
        A point for each layer; ``points``, ``to_frame()``, ``plot()`` and ``save()`` give them.

    Example:
        >>> x = torch.randn(64, 5, generator=torch.Generator().manual_seed(0))
        >>> model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2))
        >>> sorted(measure(model, (x, (x[:, 0] > 0).long()), ["1"], ["channel"]).points[0].estimates)
        ['mi_ty_channel', 'mi_xt_channel']
    """
    plane = WatchedPlane(model, data, layers, measures, **settings)
    return PlanePoints(plane.measure(epoch=0))


def _chosen(measures: Sequence[str] | None, config: PlaneConfig) -> tuple[str, ...]:
    """The measures of a watched plane, which are an argument or in its settings."""
    if isinstance(measures, str):
        raise ConfigError(f"the string {measures!r}", "a list of names", "measures")
    given = None if config.measures == PlaneConfig().measures else config.measures
    if measures is None:
        return given or DEFAULT_MEASURES
    if given and tuple(measures) != given:
        values = f"{', '.join(measures)}, and {', '.join(given)} in config"
        raise ConfigError(values, "one of both", "measures")
    return tuple(measures)
