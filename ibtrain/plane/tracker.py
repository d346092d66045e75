"""A trainer's callback that measures the layers on the information plane during training."""

from collections.abc import Callable

import torch
from jaxtyping import Int
from torch import Tensor

from ibtrain.backend.gradients import differentiable
from ibtrain.backend.memory import memory_advice
from ibtrain.backend.seeding import generator
from ibtrain.config import PlaneConfig
from ibtrain.data.dataset import Dataset, Split
from ibtrain.plane.point import PlanePoint
from ibtrain.plane.recorder import LayerRecorder
from ibtrain.plane.watch import WatchedPlane
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


class InformationPlane(LayerRecorder):
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

    watch = WatchedPlane
    """Measures any module in any training loop: ``InformationPlane.watch(model, data, layers=[...])``."""

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
        config = config or PlaneConfig()
        self.train_index = plane_index(data.train, config.train_samples)
        self.test_index = plane_index(data.test, config.samples)
        super().__init__(
            data.train.y[self.train_index],
            data.test.y[self.test_index],
            data.log_prior,
            noise_std,
            noise_scale,
            config,
            seed=seed,
            on_point=on_point,
        )

    def __call__(self, event: Event) -> None:
        """Measures the layers in training, if a point is due at this event."""
        if self.config.points == 0 or not self._is_due(event):
            return
        with memory_advice(f"plane, {event.stage}", _MEMORY_ADVICE):
            self._record_all(event)

    def _record_all(self, event: Event) -> None:
        """Measures every layer in training."""
        if event.kind == "start":
            # layers of earlier stages are frozen
            self.forget()
        activations = event.model.activations("train", self.train_index)
        held_out = event.model.activations("test", self.test_index)
        for index, (layer, h_train) in enumerate(activations.items(), event.index):
            self.record(
                h_train,
                held_out[layer],
                method=event.method,
                seed=event.seed,
                layer=layer,
                index=index,
                epoch=event.epoch,
                moment=event.kind,
            )

    def _is_due(self, event: Event) -> bool:
        if event.kind != "epoch":
            return True
        due = log_spaced_epochs(event.epochs, self.config.points)
        return event.epoch in due and event.epoch != event.epochs
