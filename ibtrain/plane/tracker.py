"""A trainer's callback that measures the layers on the information plane during training."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from ibtrain.backend.gradients import differentiable
from ibtrain.backend.memory import memory_advice
from ibtrain.backend.seeding import generator
from ibtrain.config import PlaneConfig
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ConfigError, DataError
from ibtrain.plane.gradients import GradientStatistics, gradient_statistics
from ibtrain.plane.point import PlanePoint
from ibtrain.plane.recorder import LayerActivations, LayerRecorder, with_noise
from ibtrain.plane.samples import draw_index, measured_labels, measured_samples
from ibtrain.plane.schedule import is_due
from ibtrain.plane.watch import WatchedPlane
from ibtrain.train.callbacks import Event

__all__ = ["InformationPlane"]

_MEMORY_ADVICE = "--plane-samples, or train_samples and batch_size of the plane in --config"


class InformationPlane(LayerRecorder):
    """A trainer's callback that records every layer's position on the information plane.

    At log-spaced epochs (by default), and at the end of each stage, it applies the measures of ``config``
    (:mod:`ibtrain.plane.measures`) to the layers in training. The measured samples are a fixed random
    subset of the test split (by default).

    Args:
        data: Data set of the training.
        noise_std: Standard deviation of the noise, one value or one for each layer in order; None is ``config.noise_std``.
        noise_scale: Unit of ``noise_std``, one of :data:`~ibtrain.config.PLANE_NOISE_SCALES`; None is ``config.noise_scale``.
        config: Measures, points, samples, noise and critic steps.
        seed: Seeds the critics and the noise.
        on_point: Called with each new point.

    Raises:
        ConfigError: If the noise is 0, because I(x; t) is then infinite or constant, if it is outside
            the limits of float32, or if a measure would be fitted to the samples that it measures.
    """

    watch = WatchedPlane
    """Measures any module in any training loop: ``InformationPlane.watch(model, data, layers=[...])``."""

    @differentiable()
    def __init__(
        self,
        data: Dataset,
        noise_std: float | tuple[float, ...] | None = None,
        noise_scale: str | None = None,
        config: PlaneConfig | None = None,
        *,
        seed: int = 0,
        on_point: Callable[[PlanePoint], None] | None = None,
    ) -> None:
        if not isinstance(data, Dataset):
            expected = "a Dataset, such as Dataset.from_arrays(x, y)"
            raise DataError(f"a {type(data).__name__}", expected, "InformationPlane")
        if isinstance(noise_std, PlaneConfig):
            raise ConfigError("a PlaneConfig", "a number, and config=PlaneConfig(...)", "noise_std")
        config = with_noise(config, noise_std, noise_scale)
        train_index = draw_index(len(data.train), config.train_samples)
        self.train_index = train_index.to(data.train.y.device)
        self.index = measured_samples(data, config)
        super().__init__(
            data.train.y[self.train_index],
            measured_labels(data, self.index),
            data.log_prior,
            config,
            seed=seed,
            on_point=on_point,
        )

    @property
    def shared_settings(self) -> dict[str, Any]:
        """What all processes that train a network together must have in common, because they share the measures."""
        return {**vars(self.config), "seed": self.seed}

    @property
    def reads_steps(self) -> bool:
        """Whether points within epochs are measured; other steps cost nothing."""
        return self.config.points_per_epoch > 1

    def check_data(self, data: Dataset) -> None:
        """Checks that a training has the samples of the plane, whose places and labels are known to it.

        Args:
            data: What the training has.

        Raises:
            DataError: If it has other samples.
        """
        plane = InformationPlane(data, config=self.config)
        for own, others in ((self._labels, plane._labels), (self.log_prior, plane.log_prior)):
            if not torch.equal(own.cpu(), others.cpu()):
                given = f"{data!r}, which has other labels or splits"
                raise DataError(given, "the data set of the plane, or another plane", "plane")

    @property
    def _labels(self) -> Tensor:
        """Classes of the samples to which critics are fitted, and of those that are measured."""
        return torch.cat([self.y_train, self.y_test])

    def __call__(self, event: Event) -> None:
        """Measures the layers in training, if a point is due at this event."""
        if event.kind == "start":
            # layers of earlier stages are frozen
            self.forget(event.method, event.seed)
        if is_due(self.config, event):
            self._measure(event)

    def on_step(self, event: Event) -> None:
        """Measures the layers in training, if a point within the epoch is due after this step."""
        self(event)

    def _measure(self, event: Event) -> None:
        """Measures every layer in training."""
        with memory_advice(f"plane, {event.stage}", _MEMORY_ADVICE):
            activations = event.model.activations("train", self.train_index)
            held_out = [
                event.model.activations(split, index) for split, index in self.index.items()
            ]
            # the layers of an event share the passes, and nobody pays for what no measure asks for
            gradients = cache(lambda: self._gradients(event))
            layers = [
                LayerActivations(
                    layer,
                    index,
                    h_train,
                    _joined([part.pop(layer) for part in held_out]),
                    event.model.blocks.get_submodule(layer),
                )
                for index, (layer, h_train) in enumerate(activations.items(), event.index)
            ]
            self.record(
                layers,
                method=event.method,
                seed=event.seed,
                epoch=event.progress,
                moment="epoch" if event.kind == "step" else event.kind,
                gradients=gradients,
            )

    @differentiable()
    def _gradients(self, event: Event) -> dict[str, GradientStatistics]:
        """The gradients of the layers in training, by the loss that trains them."""
        x = event.model.inputs["train"][self.train_index]
        noise = generator(x.device, self.seed, "gradients")
        objective = event.model.objective
        assert objective is not None
        return gradient_statistics(
            lambda inputs, labels: event.model.loss(inputs, labels, noise),
            x,
            self.y_train,
            dict(event.model.blocks.named_children()),
            self.config.batch_size,
            by_sample=objective.is_sample_mean,
        )


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """All rows, without a copy of those of a single part."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))
