"""The closed form for Gaussian vectors, compared with the true value and the spread of many samples."""

import math

import numpy as np
import pytest

from ibtrain.errors import DataError
from ibtrain.mi.classical.gaussian import gaussian
from ibtrain.mi.registry import estimate
from ibtrain.mi.samples import check_samples


def draw(seed: int, count: int, rho: float, dim: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, noise = rng.standard_normal((2, count, dim))
    return x, rho * x + math.sqrt(1 - rho**2) * noise


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_it_is_unbiased_and_its_error_is_the_spread(rho: float) -> None:
    # 1,000 samples in 8 dimensions: without the correction the bias is 0.008 nats
    results = [gaussian(check_samples(*draw(seed, 1000, rho))) for seed in range(400)]
    values = np.array([estimate.mi for estimate in results])
    truth = -2 * math.log(1 - rho**2)
    assert abs(values.mean() - truth) <= 3 * values.std() / 20
    # the spread of 400 values is accurate to 4 %
    assert np.mean([estimate.stderr for estimate in results]) == pytest.approx(
        values.std(), rel=0.15
    )


def test_scales_and_shifts_change_nothing() -> None:
    x, y = draw(0, 500, 0.5)
    expected = gaussian(check_samples(x, y)).mi
    scales = np.array([1e-6, 1.0, 1e3, 1e6])
    assert gaussian(check_samples(scales * x + 1e3, -y)).mi == pytest.approx(expected, abs=1e-6)


def test_more_dimensions_than_samples_are_refused() -> None:
    x, y = draw(0, 8, 0.5)
    with pytest.raises(DataError, match="got 8 samples in 8 dimensions, expected more samples"):
        gaussian(check_samples(x, y))


def test_a_shared_coordinate_is_flagged() -> None:
    x, noise = np.random.default_rng(0).standard_normal((2, 2000, 3))
    y = np.column_stack([x[:, 0], noise[:, :2]])
    assert "deterministic" in estimate(x, y, "gaussian").flags
    assert "deterministic" not in estimate(x, x + 0.1 * noise, "gaussian").flags
