"""What print() shows of objects that hold tensors: a line, not their values."""

import numpy as np
import pandas as pd
import torch
from torch import nn

from ibtrain import LayerwiseTrainer, OptimConfig, channel_bounds, mi_matrix, mlp
from ibtrain.data.dataset import Dataset
from ibtrain.mi.result import Estimate
from ibtrain.plane.point import PlanePoint
from ibtrain.train.callbacks import Event, ModelView
from ibtrain.train.network import TrainedNetwork

X = np.random.default_rng(0).standard_normal((50, 4))


def test_a_data_set_says_its_sizes() -> None:
    data = Dataset.from_arrays(X, ["no", "yes"] * 25, name="mine")
    assert repr(data) == "Dataset('mine': 40 train, 10 test samples of 4 values, 2 classes)"
    assert ": 30 train, 10 test, 10 validation samples of" in repr(data.hold_out(0.25, 0))
    assert repr(data.train) == "Split(40 samples of shape (4,), torch.float32)"


def test_an_estimate_prints_its_value_and_flags() -> None:
    plain = Estimate(0.7, 0.0123, "ksg", 3.0, unit="bits")
    assert str(plain) == "0.700 ± 0.012 bits"
    flagged = Estimate(0.7, 0.0123, "ksg", 3.0, ("serial", "copies"))
    assert str(flagged) == "0.700 ± 0.012 nats (serial, copies)"
    assert repr(plain).startswith("Estimate(mi=0.7, stderr=0.0123, ")


def test_a_matrix_says_what_it_holds() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).standard_normal((200, 3)), columns=[*"abc"])
    frame = frame.assign(kind=["no", "yes"] * 100, gap=[np.nan] * 200)
    matrix = mi_matrix(frame, unit="bits")
    assert repr(matrix) == "<MIMatrix: 6 of 10 pairs of 5 columns, ksg, in bits>"


def test_bounds_are_in_one_line() -> None:
    bounds = channel_bounds(torch.from_numpy(X), 1.0)
    text = f"<ChannelBounds: value {bounds.value}, lower {bounds.lower}, upper {bounds.upper}>"
    assert repr(bounds) == text
    assert "\n" not in text


def test_a_network_names_its_classes() -> None:
    blocks = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    network = TrainedNetwork(blocks, nn.Linear(3, 2), classes=("no", "yes"))
    assert repr(network) == "<TrainedNetwork: 2 blocks, classes no, yes>"
    many = TrainedNetwork(blocks, nn.Linear(3, 20), classes=tuple(range(20)))
    assert repr(many).endswith("classes 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...>")
    assert "without names" in repr(TrainedNetwork(blocks, nn.Linear(3, 2)))


def test_an_event_names_its_moment_and_its_metrics_alone() -> None:
    events: list[Event] = []
    trainer = LayerwiseTrainer(
        mlp(4, [5], 2), optim=OptimConfig(epochs=40, batch_size=20), callbacks=[events.append]
    )
    trainer.fit(X, np.arange(50) % 2)
    start, first, last = events[0], events[1], events[-1]
    assert repr(start) == "<Event: start of layerwise, seed 0, hidden1 (1/2), epoch 0/40>"
    value = first.metrics["train_accuracy"]
    assert repr(first).startswith("<Event: epoch of layerwise, seed 0, hidden1 (1/2), epoch 1/40: ")
    assert f"train_accuracy {value:.4g}" in str(first)
    assert "end of layerwise, seed 0, output (2/2), epoch 40/40: " in repr(last)
    assert len(last.history) == 40
    assert all(len(repr(event)) < 200 for event in events)
    assert repr(first.model) == "<ModelView: hidden1>"


def test_an_event_of_a_step_has_its_step_and_flags() -> None:
    view = ModelView(nn.Sequential(), nn.Identity(), {})
    parts = ("step", "end_to_end", 3, "network", 0, 1, 2, 9, 4, 7, {}, ("diverging",), view)
    text = "<Event: step of end_to_end, seed 3, network (1/1), epoch 2/9, step 4/7 (diverging)>"
    assert repr(Event(*parts)) == text  # type: ignore[arg-type]


def test_a_point_prints_its_values() -> None:
    value = Estimate(0.7, 0.0123, "ksg", 3.0, ("serial",), n_train=100)
    point = PlanePoint("watched", 0, "fc1", 1.5, {"sigma": 0.123456}, {"mi_xt": value})
    text = "<PlanePoint: watched, seed 0, fc1, epoch 1.5: mi_xt 0.700 ± 0.012 nats (serial), sigma 0.1235>"
    assert repr(point) == text
    assert repr(PlanePoint("watched", 0, "fc1", 2)) == "<PlanePoint: watched, seed 0, fc1, epoch 2>"
