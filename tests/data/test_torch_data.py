"""Data sets that are made of torch's and Hugging Face's."""

from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Subset, SubsetRandomSampler, TensorDataset
from torch.utils.data import Dataset as TorchDataset

from ibtrain.data.dataset import Dataset
from ibtrain.errors import DataError

X = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(50) % 2
TENSORS = TensorDataset(X, Y)
EXPECTED = Dataset.from_arrays(X, Y).fingerprint()


class Pairs(TorchDataset[Any]):
    """Samples with random noise, as from a random transform, and Python's labels."""

    classes = ("no", "yes")

    def __init__(self, noise: float = 0.0) -> None:
        self.noise = noise

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        if index >= len(X):
            raise IndexError
        return X[index] + self.noise * torch.randn(4), int(Y[index])


@pytest.mark.parametrize(
    "data",
    [
        TENSORS,
        Pairs(),
        DataLoader(TENSORS, batch_size=7),
        # every sample once, in the order of the data set
        DataLoader(TENSORS, batch_size=7, shuffle=True, drop_last=True),
        DataLoader(Pairs(), batch_size=7, shuffle=True),
    ],
)
def test_every_sample_is_read_once(data: Any) -> None:
    before = torch.get_rng_state()
    assert Dataset.from_torch(data).fingerprint() == EXPECTED
    assert torch.equal(torch.get_rng_state(), before)


def test_a_sampler_of_a_part_is_kept() -> None:
    loader = DataLoader(TENSORS, batch_size=7, sampler=SubsetRandomSampler(range(30)))
    data = Dataset.from_torch(loader)
    assert len(data.train) + len(data.test) == 30


def test_random_transforms_are_the_same_each_time() -> None:
    first, second = (Dataset.from_torch(Pairs(noise=0.1)).fingerprint() for _ in range(2))
    assert first == second != EXPECTED


def test_classes_are_those_of_the_data_set_within() -> None:
    data = Dataset.from_torch(
        DataLoader(Subset(Pairs(), range(40))), test=Subset(Pairs(), range(40, 50))
    )
    assert data.classes == ("no", "yes")
    assert len(data.test) == 10


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (X, "a Tensor, expected a torch Dataset or DataLoader"),
        (TensorDataset(X), "a batch of type list|expected a torch Dataset or DataLoader of"),
        (DataLoader(TENSORS, collate_fn=lambda rows: {"x": rows}), "a batch of type dict"),
        (TensorDataset(X, X[:, 0]), "expected whole numbers or strings, the classes"),
        (TensorDataset(X[:0], Y[:0]), "at least one value"),
        (DataLoader(Pairs(), batch_size=None), "expected one label for each sample"),
        (DataLoader(X[:, 0], batch_size=None, collate_fn=lambda x: (x, x)), "a number, expected a"),
        (
            DataLoader(X, collate_fn=lambda x: (torch.stack(x), [[1, 2], [3]])),
            "labels of type list",
        ),
    ],
)
def test_what_gives_no_pairs_is_refused(data: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Dataset.from_torch(data)


def hf(rows: slice, names: list[str] | None = None) -> Any:
    """What a split of Hugging Face's datasets offers."""
    columns = {"image": list(X[rows].numpy()), "label": Y[rows].tolist(), "text": ["a"] * 50}
    label = SimpleNamespace(names=names) if names else SimpleNamespace()

    class HubSplit:
        column_names = tuple(columns)
        features = MappingProxyType({"label": label})

        def __getitem__(self, name: str) -> Any:
            return columns[name]

    return HubSplit()


def test_a_split_of_a_hub_has_names_of_classes() -> None:
    data = Dataset.from_hf(
        {"train": hf(slice(40), ["no", "yes"]), "test": hf(slice(40, None))}, x="image"
    )
    assert data.classes == ("no", "yes")
    expected = Dataset.from_arrays(X[:40], Y[:40], test=(X[40:], Y[40:]))
    assert data.fingerprint() == expected.fingerprint()
    assert Dataset.from_hf(hf(slice(50)), x="image").fingerprint() == EXPECTED


def test_a_mapping_of_arrays_will_do() -> None:
    data = Dataset.from_hf({"train": {"x": X.numpy(), "label": Y.numpy()}})
    assert data.fingerprint() == EXPECTED


@pytest.mark.parametrize(
    ("splits", "columns", "message"),
    [
        ({"training": hf(slice(40))}, {}, "splits training, expected a split 'train'"),
        (
            hf(slice(40)),
            {"x": "img"},
            "column 'img', expected one of the columns image, label, text",
        ),
        (hf(slice(40)), {"x": "text"}, "strings in column 'text', expected numbers or images"),
        (
            {"train": {"x": [np.zeros(3), np.zeros(2)], "label": [0, 1]}},
            {},
            "samples of different shapes in column 'x'",
        ),
    ],
)
def test_missing_splits_and_columns_are_named(
    splits: Any, columns: dict[str, str], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        Dataset.from_hf(splits, **columns)
