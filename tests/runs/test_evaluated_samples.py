"""Test samples that are evaluated after every epoch."""

from dataclasses import replace

import torch
from torch import nn
from toys import gaussian_classes

from ibtrain.data.dataset import Dataset, Split
from ibtrain.runs.execution import evaluated_samples
from ibtrain.train.callbacks import ModelView


def data_of(train: int, test: int) -> Dataset:
    data = gaussian_classes(n=3 * max(train, test))
    return replace(
        data,
        train=Split(data.train.x[:train], data.train.y[:train]),
        test=Split(data.test.x[:test], data.test.y[:test]),
    )


def test_all_samples_are_evaluated_if_there_are_few() -> None:
    assert evaluated_samples(data_of(20, 900)) is None
    assert evaluated_samples(data_of(1200, 1200)) is None


def test_as_many_as_training_samples_are_evaluated_and_at_least_1000() -> None:
    for train, count in ((20, 1000), (1100, 1100)):
        index = evaluated_samples(data_of(train, 1500))
        assert index is not None
        assert len(set(index.tolist())) == len(index) == count
        assert int(index.max()) > count
        assert torch.equal(index, evaluated_samples(data_of(train, 1500)))  # type: ignore[arg-type]


def test_accuracy_of_some_samples() -> None:
    labels = torch.tensor([0, 1, 0, 1])
    scores = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    view = ModelView(nn.Sequential(nn.Identity()), nn.Identity(), {"test": scores})
    assert view.accuracy("test", labels) == 0.5
    assert view.accuracy("test", labels, torch.tensor([0, 3])) == 1.0
    assert view.accuracy("test", labels, torch.tensor([1, 0, 3])) == torch.tensor(2 / 3).item()
