"""The information plane's listener."""

import json
import math

import pytest
import torch
from torch import nn

from ibtrain.config import OptimConfig, PlaneConfig
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ConfigError
from ibtrain.models.mlp import mlp
from ibtrain.plane.point import PlanePoint
from ibtrain.plane.probe import probe_accuracy
from ibtrain.plane.tracker import InformationPlane, log_spaced_epochs
from ibtrain.seeding import seeded
from ibtrain.train.endtoend import EndToEndTrainer
from ibtrain.train.layerwise import LayerwiseTrainer

OPTIM = OptimConfig(learning_rate=1e-2, batch_size=32, epochs=10)
SMALL = PlaneConfig(points=4, samples=150, critic_steps=30, batch_size=64)


def network(data: Dataset) -> nn.Sequential:
    with seeded(0, "test"):
        return mlp(data.dim_x, (16, 8), data.num_classes)


@pytest.mark.parametrize(
    ("epochs", "points", "expected"),
    [
        (10, 6, [0, 1, 2, 3, 6, 10]),
        (10, 2, [0, 10]),
        (1, 6, [0, 1]),
        (3, 9, [0, 1, 2, 3]),
        (1000, 5, [0, 1, 10, 100, 1000]),
    ],
)
def test_epochs_are_log_spaced_from_start_to_end(
    epochs: int, points: int, expected: list[int]
) -> None:
    assert log_spaced_epochs(epochs, points) == expected


def test_every_layer_of_both_methods_is_measured_from_start_to_end(toy: Dataset) -> None:
    plane = InformationPlane(toy, 0.5, config=SMALL)
    LayerwiseTrainer(network(toy), None, OPTIM, listeners=[plane]).fit(toy)
    EndToEndTrainer(network(toy), OPTIM, listeners=[plane]).fit(toy)
    epochs = log_spaced_epochs(10, 4)
    for method in ("layerwise", "end_to_end"):
        for layer in ("hidden1", "hidden2", "output"):
            found = [p.epoch for p in plane.points if (p.method, p.layer) == (method, layer)]
            assert found == epochs
    last = plane.points[-1]
    assert last.mi_xt.ceiling == pytest.approx(math.log(150))
    assert (last.mi_xt.n_train, last.mi_xt.n_test) == (400, 150)


def test_training_moves_a_layer_towards_the_label(toy: Dataset) -> None:
    plane = InformationPlane(toy, 0.5, config=SMALL)
    LayerwiseTrainer(network(toy), None, OPTIM, listeners=[plane]).fit(toy)
    first, *_, last = (point for point in plane.points if point.layer == "hidden1")
    for name in ("mi_ty", "mi_ty_channel"):
        before, after = getattr(first, name), getattr(last, name)
        assert after.mi > before.mi + 3 * (before.stderr + after.stderr)
    assert last.probe_accuracy > 0.9


def test_watching_does_not_change_what_is_watched(toy: Dataset) -> None:
    plane = InformationPlane(toy, 0.5, config=SMALL)
    watched = LayerwiseTrainer(network(toy), None, OPTIM, listeners=[plane]).fit(toy)
    alone = LayerwiseTrainer(network(toy), None, OPTIM).fit(toy)
    assert watched.history == alone.history
    assert plane.points


def test_the_plane_is_the_same_twice(toy: Dataset) -> None:
    values = []
    for _ in range(2):
        plane = InformationPlane(toy, 0.5, config=SMALL)
        EndToEndTrainer(network(toy), OPTIM, listeners=[plane]).fit(toy)
        values.append([(p.mi_xt.mi, p.mi_ty.mi, p.mi_xt_channel.mi) for p in plane.points])
    assert values[0] == values[1]
    assert len(values[0]) == 12


def test_no_noise_is_refused(toy: Dataset) -> None:
    with pytest.raises(ConfigError, match="infinite or constant"):
        InformationPlane(toy, 0.0)


def test_a_point_survives_json(toy: Dataset) -> None:
    plane = InformationPlane(toy, 0.5, config=SMALL)
    EndToEndTrainer(network(toy), OPTIM, listeners=[plane]).fit(toy)
    for point in plane.points:
        assert PlanePoint.from_dict(json.loads(json.dumps(point.to_dict()))) == point


def test_a_probe_reads_what_is_linearly_there(toy: Dataset) -> None:
    from sklearn.linear_model import LogisticRegression

    train, test = toy.train, toy.test
    found = probe_accuracy(train.x, train.y, test.x, test.y, 3)
    reference = LogisticRegression(max_iter=500).fit(train.x.numpy(), train.y.numpy())
    assert found == pytest.approx(reference.score(test.x.numpy(), test.y.numpy()), abs=0.011)
    noise = torch.randn(400, 6, generator=torch.Generator().manual_seed(0))
    assert probe_accuracy(noise, train.y, noise[:200], test.y, 3) < 0.5
