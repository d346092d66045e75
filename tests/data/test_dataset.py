"""Data sets that are created from tensors."""

from typing import Any

import pytest
import torch

from ibtrain.backend.seeding import seeded
from ibtrain.config import OptimConfig
from ibtrain.data.dataset import Dataset, Split
from ibtrain.errors import ConfigError, DataError
from ibtrain.models.mlp import mlp
from ibtrain.train.end_to_end import EndToEndTrainer

X = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(60) % 3


def dataset(**changes: Any) -> Dataset:
    """Samples whose classes alternate; the first twenty are the test split."""
    arguments = {
        "x": X[20:],
        "y": Y[20:],
        "x_test": X[:20],
        "y_test": Y[:20],
        "num_classes": 3,
        **changes,
    }
    train, test = (
        Split(arguments["x"], arguments["y"]),
        Split(arguments["x_test"], arguments["y_test"]),
    )
    return Dataset("tensors", train, test, arguments["num_classes"])


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8, torch.float32])
def test_labels_of_any_type_train_alike(dtype: torch.dtype) -> None:
    def fit(data: Dataset) -> dict[str, torch.Tensor]:
        with seeded(0, "test"):
            model = mlp(4, (5,), 3)
        return EndToEndTrainer(model, OptimConfig(epochs=1)).fit(data).network.state_dict()

    data = dataset(y=Y[20:].to(dtype), y_test=Y[:20].to(dtype))
    assert data.train.y.dtype == torch.int64
    torch.testing.assert_close(fit(data), fit(dataset()))


def spoilt(x: torch.Tensor, value: float) -> torch.Tensor:
    x = x.clone()
    x[3, 2] = value
    return x


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"y": X[20:, 0]},
            r"split: got label -?[0-9.]+, expected whole numbers, the classes \(not",
        ),
        ({"y": Y[20:] * torch.nan}, "split: got label nan, expected whole numbers"),
        ({"y": Y[20:].to(torch.complex64)}, r"labels of type torch.complex64"),
        (
            {"y": Y[20:, None]},
            r"labels of shape \(40, 1\), expected \(samples, ...\) and one label",
        ),
        ({"x": X[20:].to(torch.complex64)}, "samples of type torch.complex64, expected real"),
        (
            {"x": X[20:].to(torch.uint8)},
            "test samples of torch.float32, expected torch.uint8, as in tr",
        ),
        ({"x_test": X[:20].to(torch.uint8)}, "test samples of torch.uint8, expected torch.float32"),
        ({"y": Y[21:]}, r"labels of shape \(39,\)"),
        ({"x": X[20:, 0]}, r"samples of shape \(40,\)"),
        ({"x": X[20:, :0], "x_test": X[:20, :0]}, "at least one value in each"),
        ({"x_test": X[:20, :2]}, r"test samples of shape \(2,\), expected shape \(4,\)"),
        ({"x_test": X[:0], "y_test": Y[:0]}, "tensors: got 0 test samples, expected at least 2"),
        ({"x": X[:3], "y": Y[:3]}, "tensors: got 3 training samples, expected at least 4"),
        ({"num_classes": 1}, "tensors: got a single class"),
        ({"num_classes": 2}, "tensors: got label 2, expected labels in 0..1"),
        ({"num_classes": 5}, "no training sample of class 3, expected samples of every class 0..4"),
        ({"y": 2 * Y[20:], "num_classes": 5}, "no training sample of class 1"),
        ({"y_test": Y[:20] - 1}, "tensors: got label -1"),
        (
            {"x_test": spoilt(X[:20], torch.nan)},
            "got a value of nan in row 3, column 2 of the test split",
        ),
        (
            {"x": spoilt(X[20:], -1e20)},
            r"got a value of -1e\+20 in row 3, column 2 of the training split, expected values whose",
        ),
    ],
)
def test_broken_tensors_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        dataset(**changes)


@pytest.mark.parametrize(
    ("share", "message"),
    [
        (0.95, "tensors: got 2 training samples, expected at least 4"),
        (0.9, "tensors: got no training sample of class"),
        (1.0, "expected a share that leaves both splits of 40 samples non-empty"),
    ],
)
def test_a_validation_split_that_leaves_too_little_is_refused(share: float, message: str) -> None:
    data = dataset(y=torch.where(torch.arange(40) == 7, 2, Y[20:] % 2))
    with pytest.raises(DataError, match=message):
        data.hold_out(share, seed=0)


def test_a_validation_share_is_a_number() -> None:
    with pytest.raises(ConfigError, match="validation share: got nan"):
        dataset().hold_out(float("nan"), seed=0)


@pytest.mark.parametrize(
    "dtype",
    [
        torch.uint16,
        torch.uint32,
        torch.uint64,
        torch.int8,
        torch.bool,
        torch.bfloat16,
        torch.float64,
    ],
)
def test_samples_of_any_type_become_float32(dtype: torch.dtype) -> None:
    x = (10 * X).abs().to(torch.int64).to(dtype)
    data = dataset(x=x[20:], x_test=x[:20])
    torch.testing.assert_close(data.train.x, x[20:].to(torch.float32))
    held_out = data.hold_out(0.2, seed=0) if dtype != torch.bool else data
    assert held_out.standardised().train.x.dtype == torch.float32


def test_samples_made_in_inference_mode_can_be_trained_on() -> None:
    with torch.inference_mode():
        x = X.clone()
        data = dataset(x=x[20:], x_test=x[:20], y=Y[20:].clone()).standardised()
    weight = torch.ones(X.shape[1], requires_grad=True)
    (data.train.x @ weight).square().sum().backward()
    assert weight.grad is not None


def test_standardising_leaves_the_original_alone() -> None:
    data = dataset()
    before = data.train.x.clone()
    assert data.standardised().train.x.std(0, correction=0) == pytest.approx(torch.ones(4))
    assert torch.equal(data.train.x, before)
