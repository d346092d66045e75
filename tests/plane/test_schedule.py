"""When a plane is measured: at which epochs, and at which steps within an epoch."""

import pytest
from toys import gaussian_classes

from ibtrain import (
    EndToEndTrainer,
    InformationPlane,
    LayerwiseTrainer,
    OptimConfig,
    PlaneConfig,
    mlp,
)
from ibtrain.errors import ConfigError
from ibtrain.plane.schedule import log_spaced_epochs, measured_epochs
from ibtrain.train.callbacks import Event


@pytest.mark.parametrize(
    ("epochs", "points", "expected"),
    [
        (10, 6, [0, 1, 2, 3, 6, 10]),
        (10, 2, [0, 10]),
        (1, 6, [0, 1]),
        (3, 9, [0, 1, 2, 3]),
        (1000, 5, [0, 1, 10, 100, 1000]),
        (10, 1, [10]),
    ],
)
def test_epochs_are_log_spaced_from_start_to_end(
    epochs: int, points: int, expected: list[int]
) -> None:
    assert log_spaced_epochs(epochs, points) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"points": 2}, [0, 7]),
        ({"epochs": (4, 0, 2)}, [0, 2, 4, 7]),
        ({"epochs": (3, 7, 100)}, [3, 7]),
        ({"every": 3}, [0, 3, 6, 7]),
        ({"every": 100}, [0, 7]),
    ],
)
def test_a_list_or_an_interval_replaces_them(
    settings: dict[str, object], expected: list[int]
) -> None:
    assert measured_epochs(PlaneConfig(**settings), 7) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": (1, -1)}, "plane epochs: got -1, expected a whole number of 0 or more"),
        ({"every": -1}, "plane every: got -1"),
        ({"every": 2, "epochs": (1,)}, "got every 2 epochs and a list of epochs, expected one"),
        ({"points_per_epoch": 1.5}, "plane points_per_epoch: got 1.5"),
    ],
)
def test_epochs_that_cannot_be_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PlaneConfig(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # 400 samples in batches of 50: eight steps an epoch
        ({"points": 2, "points_per_epoch": 4}, [0, 0.25, 0.5, 0.75, 1.25, 1.5, 1.75, 2]),
        ({"points": 2, "points_per_epoch": 3}, [0, 0.375, 0.75, 1.375, 1.75, 2]),
        ({"points": 1}, [2]),
        ({"epochs": (1,)}, [1, 2]),
        ({"points": 0, "points_per_epoch": 4}, []),
    ],
)
def test_each_layer_is_measured_at_these_moments(
    settings: dict[str, object], expected: list[float]
) -> None:
    data = gaussian_classes()
    config = PlaneConfig(measures=("channel",), samples=50, **settings)  # type: ignore[arg-type]
    plane = InformationPlane(data, config=config)
    optim = OptimConfig(epochs=2, batch_size=50)
    LayerwiseTrainer(mlp(6, [4], 3), None, optim, callbacks=[plane]).fit(data)
    for layer in ("hidden1", "output"):
        assert [point.epoch for point in plane.points if point.layer == layer] == expected


class Spy:
    """Keeps the scale of the output layer after each step, on the training samples of a plane."""

    def __init__(self, plane: InformationPlane) -> None:
        self.index = plane.train_index
        self.scales: dict[float, float] = {}

    def __call__(self, event: Event) -> None:
        pass

    def on_step(self, event: Event) -> None:
        outputs = event.model.activations("train", self.index)["output"]
        epoch = event.epoch + event.step / event.steps
        self.scales[epoch] = outputs.var(0, correction=0).mean().sqrt().item()


def test_a_point_within_an_epoch_sees_the_weights_of_that_step() -> None:
    data = gaussian_classes()
    config = PlaneConfig(measures=("channel",), samples=50, points=1, points_per_epoch=4)
    plane = InformationPlane(data, 0.5, config=config)
    spy = Spy(plane)
    optim = OptimConfig(learning_rate=0.1, epochs=2, batch_size=50)
    EndToEndTrainer(mlp(6, [4], 3), optim, callbacks=[plane, spy]).fit(data)
    assert len({round(scale, 3) for scale in spy.scales.values()}) == 16
    for point in plane.points:
        if point.layer == "output" and point.epoch % 1:
            expected = pytest.approx(spy.scales[point.epoch], rel=1e-5)
            assert point.scalars["activation_scale"] == expected
