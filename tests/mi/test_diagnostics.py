"""Problems of samples that are detected before estimation."""

import numpy as np
import pytest

from ibtrain.mi.benchmark.problems import PROBLEMS
from ibtrain.mi.diagnostics import is_function_of, sample_flags
from ibtrain.mi.samples import check_samples

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("count", [300, 3000])
def test_healthy_problems_are_not_suspected(name: str, count: int) -> None:
    samples = check_samples(*PROBLEMS[name].sample(count, np.random.default_rng(0)))
    assert sample_flags(samples.x, samples.y, samples.labels) == ()


@pytest.mark.parametrize("dim", [1, 2, 4])
def test_functions_are_recognised(dim: int) -> None:
    x = RNG.standard_normal((3000, dim))
    weights = RNG.standard_normal((dim, 3))
    for y in (np.maximum(x, 0), np.maximum(x @ weights, 0), 3 * x - 1, x @ weights):
        assert is_function_of(x, y)


def test_a_smooth_function_is_recognised_in_one_dimension() -> None:
    x = RNG.standard_normal((3000, 1))
    assert is_function_of(x, np.tanh(2 * x))
    assert not is_function_of(x, np.tanh(2 * x) + 0.01 * RNG.standard_normal((3000, 1)))


def test_repeated_values_are_not_a_function() -> None:
    x = RNG.integers(0, 2, (2000, 1)).astype(float)
    y = np.where(RNG.random((2000, 1)) < 0.1, 1 - x, x)
    assert not is_function_of(x, y)
    assert not is_function_of(y, x)


def test_a_label_may_be_a_function_of_x() -> None:
    x = RNG.standard_normal((500, 2))
    labels = (x[:, 0] > 0).astype(np.int64)
    assert sample_flags(x, labels[:, None].astype(float), labels) == ()


def test_more_dimensions_than_samples() -> None:
    wide = RNG.standard_normal((50, 30))
    assert sample_flags(wide, wide[::-1].copy()) == ("undersampled",)
    assert sample_flags(wide[:, :10], wide[:, 10:20]) == ()
