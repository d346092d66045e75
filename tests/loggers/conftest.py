"""A short training with its plane, for every logger."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from toys import gaussian_classes

from ibtrain import Event, InformationPlane, LayerwiseTrainer, OptimConfig, PlaneConfig, mlp
from ibtrain.loggers import Logger
from ibtrain.plane.point import PlanePoint


class Logged(NamedTuple):
    """What a logger should have written."""

    epochs: list[Event]
    points: list[PlanePoint]


@pytest.fixture
def train() -> Callable[[Logger], Logged]:
    """Trains two blocks for two epochs, with a plane before the first epoch and after each."""

    def train(logger: Logger) -> Logged:
        data = gaussian_classes()
        epochs: list[Event] = []
        config = PlaneConfig(measures=("channel",), samples=50, epochs=(0, 1, 2))
        plane = InformationPlane(data, config=config, on_point=logger.on_point)
        callbacks = [plane, logger, epochs.append]
        model = mlp(6, [4], 3)
        LayerwiseTrainer(model, None, OptimConfig(epochs=2), seed=5, callbacks=callbacks).fit(data)
        return Logged([event for event in epochs if event.kind == "epoch"], plane.points)

    return train
