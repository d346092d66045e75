"""What print() shows of objects that hold tensors: a line, not their values."""

import numpy as np
import pandas as pd
import torch
from torch import nn

from ibtrain import channel_bounds, mi_matrix
from ibtrain.data.dataset import Dataset
from ibtrain.mi.result import Estimate
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
