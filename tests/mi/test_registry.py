"""The function that runs every estimator: its inputs, errors and flags."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from ibtrain.errors import ConfigError, DataError
from ibtrain.mi.benchmark.problems import PROBLEMS
from ibtrain.mi.registry import ESTIMATORS, estimate
from ibtrain.mi.result import FLAGS, Estimate

QUICK: dict[str, Any] = {
    "folds": 2,
    "steps": 60,
    "batch_size": 64,
    "hidden": (32, 32),
    "embedding": 8,
}
NEURAL = [name for name, method in ESTIMATORS.items() if method.is_neural]


def quick(method: str) -> dict[str, Any]:
    if ESTIMATORS[method].is_neural:
        return QUICK
    return {"num_bins": 10} if method == "binning" else {}


def draw(name: str, count: int = 1000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return PROBLEMS[name].sample(count, np.random.default_rng(seed))


@pytest.mark.parametrize("method", ESTIMATORS)
def test_every_method_finds_a_simple_answer(method: str) -> None:
    result = estimate(*draw("gaussian-1", 2000), method, **quick(method))
    # binning loses a little information, and all estimates have a standard error
    assert abs(result.mi - PROBLEMS["gaussian-1"].mi) <= 3 * result.stderr + 0.03
    assert result.flags == ()
    assert result.method == method
    assert result.stderr > 0


@pytest.mark.parametrize("method", ESTIMATORS)
def test_independent_samples_are_zero_within_three_errors(method: str) -> None:
    settings = QUICK if ESTIMATORS[method].is_neural else {}
    result = estimate(*draw("independent-3"), method, **settings)
    # a critic that stays at its zero initialisation has no standard error
    assert abs(result.mi) <= 3 * result.stderr
    assert result.flags == ()


@pytest.mark.parametrize(
    "method", [name for name, method in ESTIMATORS.items() if method.reads_labels]
)
def test_labels_are_read(method: str) -> None:
    problem = PROBLEMS["gaussian-classes-2"]
    settings = QUICK | {"steps": 150} if ESTIMATORS[method].is_neural else {}
    result = estimate(*draw(problem.name, 3000), method, **settings)
    assert abs(result.mi - problem.mi) <= 3 * result.stderr + 0.02
    assert result.ceiling == pytest.approx(math.log(2), abs=1e-3)


def test_a_critic_of_labels_reports_its_cross_entropy_beside() -> None:
    result = estimate(*draw("gaussian-classes-2", 2000), **QUICK)
    assert result.secondary is not None
    # the mean of logarithms is below the logarithm of the mean
    assert result.secondary.mi >= result.mi - 1e-9
    assert result.secondary.mi == pytest.approx(result.mi, abs=0.05)


@pytest.mark.parametrize("method", ESTIMATORS)
def test_the_scale_of_the_inputs_changes_nothing(method: str) -> None:
    x, y = draw("cubed-20-mi-2" if method == "mine" else "gaussian-3", 600)
    options = quick(method)
    expected = estimate(x, y, method, **options).mi
    assert estimate(100 * x, 0.01 * y, method, **options).mi == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("method", ["mine", "ksg"])
def test_the_same_seed_gives_the_same_number(method: str) -> None:
    x, y = draw("gaussian-3", 500)
    first, second = (estimate(x, y, method, seed=3, **quick(method)) for _ in range(2))
    assert (first.mi, first.stderr) == (second.mi, second.stderr)
    assert estimate(x, y, method, seed=4, **quick(method)).stderr != first.stderr


def test_tensors_lists_and_images_are_taken() -> None:
    x, y = draw("gaussian-3", 300)
    expected = estimate(x, y, "gaussian").mi
    assert estimate(torch.from_numpy(x), y.tolist(), "gaussian").mi == pytest.approx(expected)
    images = np.random.default_rng(0).standard_normal((300, 1, 2, 2))
    assert estimate(images, y, "gaussian").n_test == 300


@pytest.mark.parametrize("method", ESTIMATORS)
@pytest.mark.parametrize("side", ["x", "y"])
def test_a_constant_side_is_zero_and_says_so(method: str, side: str) -> None:
    varying, constant = np.random.default_rng(0).standard_normal(200), np.ones(200)
    x, y = (constant, varying) if side == "x" else (varying, constant)
    result = estimate(x, y, method, discrete=False)
    assert (result.mi, result.flags) == (0.0, ("constant",))


@pytest.mark.parametrize("method", ["mine", "ksg"])
def test_a_layer_without_noise_is_called_deterministic(method: str) -> None:
    x = np.random.default_rng(0).standard_normal((800, 3))
    weights = np.random.default_rng(1).standard_normal((3, 4))
    assert "deterministic" in estimate(x, np.maximum(x @ weights, 0), method, **quick(method)).flags


def test_more_dimensions_than_samples_are_called_undersampled() -> None:
    x, y = np.random.default_rng(0).standard_normal((2, 100, 80))
    result = estimate(x, y, **QUICK)
    assert "undersampled" in result.flags
    assert abs(result.mi) < 1.0


def test_more_than_samples_can_show_touches_the_ceiling() -> None:
    rho = math.sqrt(-math.expm1(-2 * 30 / 20))
    x, noise = np.random.default_rng(0).standard_normal((2, 2000, 20))
    result = estimate(x, rho * x + math.sqrt(1 - rho**2) * noise, **QUICK)
    assert "above_ceiling" in result.flags


def test_a_critic_that_memorised_its_samples_is_called_overfit() -> None:
    rng = np.random.default_rng(0)
    x, noise = rng.standard_normal((2, 300, 10))
    result = estimate(
        x, 0.8 * x + noise, "infonce", steps=200, batch_size=200, base="none", folds=1
    )
    assert "overfit" in result.flags
    # the true value is 2.47 nats
    assert result.mi < 2.47


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1.0, math.nan, 2.0], [1.0, 2.0, 3.0], "x: got nan in row 1, column 0, expected finite"),
        ([1.0, 2.0], [1.0, math.inf], "y: got inf in row 1, column 0, expected finite"),
        (
            [1.0, 2.0, 3.0],
            [1.0, 2.0],
            "x and y: got 3 and 2 samples, expected the same number of each",
        ),
        ([1.0], [2.0], "x: got 1 sample, expected at least 2"),
        (
            [["a", "b"]] * 2,
            [1.0, 2.0],
            "x: got 2 column(s) of strings, expected an array of numbers",
        ),
        ([1.0, 2.0], [None, 2.0], "y: got an array of object, expected an array of numbers"),
        ([[1.0], [2.0, 3.0]], [1.0, 2.0], "x: got rows of different lengths"),
        ([], [], "x: got an array of shape"),
        (3.0, 4.0, "x: got an array of shape"),
    ],
)
def test_samples_that_cannot_be_used_are_named(x: Any, y: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        estimate(x, y)
    assert message in str(caught.value)


def test_settings_that_cannot_be_used_are_named() -> None:
    x, y = draw("gaussian-1", 100)
    with pytest.raises(ConfigError, match="method: got 'mime', expected one of mine, nwj"):
        estimate(x, y, "mime")
    with pytest.raises(
        ConfigError, match="options of ksg: got 'steps', expected one of k, variant"
    ):
        estimate(x, y, "ksg", steps=3)
    with pytest.raises(ConfigError, match="steps: got 0, expected a whole number of 1 or more"):
        estimate(x, y, steps=0)
    with pytest.raises(
        ConfigError, match="critic: got 'deep', expected one of auto, separable, pair"
    ):
        estimate(x, y, critic="deep")
    with pytest.raises(DataError, match="got 30 samples, expected at least 40"):
        estimate(x[:30], y[:30])
    with pytest.raises(DataError, match="samples of method gaussian: got a discrete side"):
        estimate(x, np.arange(100) % 2, "gaussian")
    with pytest.raises(DataError, match="y: got 2 columns, expected one column of classes"):
        estimate(x, np.zeros((100, 2)) + np.arange(100)[:, None], discrete=True)


def test_an_estimate_survives_its_json_form() -> None:
    result = estimate(*draw("gaussian-classes-2", 500), **QUICK)
    assert Estimate.from_dict(result.to_dict()) == result
    closed = Estimate(0.5, 0.1, "gaussian", math.inf)
    assert closed.to_dict()["ceiling"] is None
    assert Estimate.from_dict(closed.to_dict()) == closed


def test_the_former_name_of_the_secondary_estimate_is_read() -> None:
    estimate = Estimate(1.0, 0.1, "mine", 2.0, secondary=Estimate(0.9, 0.1, "mine", 2.0))
    fields = estimate.to_dict()
    fields["beside"] = fields.pop("secondary")
    assert Estimate.from_dict(fields) == estimate


def test_checkpoints_are_shown_as_they_happen() -> None:
    seen: list[int] = []
    estimate(*draw("gaussian-1", 300), on_checkpoint=lambda point: seen.append(point.step), **QUICK)
    assert seen == [0, 50, 60] * 2


def test_every_flag_is_explained() -> None:
    assert all(FLAGS.values())
    assert {"above_ceiling", "negative", "deterministic", "overfit"} <= set(FLAGS)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_tensors_of_any_precision_are_read(dtype: torch.dtype) -> None:
    x, noise = torch.randn(2, 300, generator=torch.Generator().manual_seed(0))
    result = estimate(x.to(dtype), (x + noise).to(dtype), "gaussian")
    assert result.mi == pytest.approx(0.5 * np.log(2), abs=0.1)
