"""Steps whose products are of lower precision, and what stays in float32."""

from dataclasses import replace

import pytest
import torch

from ibtrain.backend.precision import at_least_float32, tensor_cores
from ibtrain.config import ObjectiveConfig, OptimConfig
from ibtrain.data.dataset import Dataset
from ibtrain.data.load import load_dataset
from ibtrain.errors import ConfigError
from ibtrain.models.mlp import mlp
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.objectives import BlockSpec, make_objective
from ibtrain.train.results import FitResult

OPTIM = OptimConfig(learning_rate=3e-3, schedule="constant", epochs=4)
RELATIVE = ObjectiveConfig(beta=(1e-3,), noise_scale="relative")


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits")


def fit(data: Dataset, method: str, precision: str) -> FitResult:
    torch.manual_seed(0)
    model = mlp(64, (100, 50), 10)
    optim = replace(OPTIM, precision=precision)
    if method == "end_to_end":
        return EndToEndTrainer(model, optim).fit(data)
    return LayerwiseTrainer(model, RELATIVE, optim).fit(data)


@pytest.mark.parametrize("method", ["layerwise", "end_to_end"])
def test_bfloat16_trains_as_well_and_keeps_float32(digits: Dataset, method: str) -> None:
    exact, rounded = (fit(digits, method, precision) for precision in ("float32", "bfloat16"))
    weights = [list(fitted.network.parameters()) for fitted in (exact, rounded)]
    assert all(weight.dtype == torch.float32 for weight in weights[1])
    # it did compute in another precision
    assert not torch.equal(weights[0][0], weights[1][0])
    # over five seeds the difference was within 1 point either way
    assert rounded.accuracies["test"] == pytest.approx(exact.accuracies["test"], abs=0.025)
    for name, value in exact.history[-1].metrics.items():
        assert rounded.history[-1].metrics[name] == pytest.approx(value, abs=0.1)


def test_scores_are_raised_before_their_cross_entropy() -> None:
    scores = torch.tensor([[3.0, 0.1, -2.0]]).bfloat16()
    spec = BlockSpec((3,), torch.zeros(3), 0, 1)
    objective = make_objective("cross-entropy", torch.nn.Identity(), spec, ObjectiveConfig())
    loss, metrics = objective(scores, torch.tensor([0]))
    expected = torch.nn.functional.cross_entropy(scores.float(), torch.tensor([0]))
    assert metrics["cross_entropy"].dtype == loss.dtype == torch.float32
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0)


def test_tf32_needs_cuda(digits: Dataset) -> None:
    with pytest.raises(
        ConfigError, match=r"tf32.*expected float32 or bfloat16 on a device such as cpu"
    ):
        fit(digits, "end_to_end", "tf32")


def test_tensor_cores_are_given_back() -> None:
    before = torch.get_float32_matmul_precision()
    with pytest.raises(ZeroDivisionError), tensor_cores("tf32"):
        assert torch.get_float32_matmul_precision() == "high"
        raise ZeroDivisionError
    assert torch.get_float32_matmul_precision() == before
    with tensor_cores("float32"):
        assert torch.get_float32_matmul_precision() == before


def test_only_half_precision_is_raised() -> None:
    for given, expected in ((torch.bfloat16, torch.float32), (torch.float64, torch.float64)):
        assert at_least_float32(torch.ones(2, dtype=given)).dtype == expected
