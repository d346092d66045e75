"""Directions of x and y with correlated squares and products of coordinates."""

import numpy as np
import pytest

from ibtrain.mi.benchmark.problems import PROBLEMS
from ibtrain.mi.neural.quadratic import quadratic_directions
from ibtrain.mi.registry import estimate

Array = np.ndarray


def rotation(dim: int, rng: np.random.Generator) -> Array:
    return np.linalg.qr(rng.standard_normal((dim, dim)))[0]


def hidden_pair(count: int, dim_x: int, dim_y: int, seed: int) -> tuple[Array, Array, Array]:
    """Samples with one direction of x and one of y that are correlated with a random sign, and both directions."""
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((count, dim_x)), rng.standard_normal((count, dim_y))
    y[:, 0] = 0.9 * rng.choice([-1, 1], count) * x[:, 0] + np.sqrt(1 - 0.9**2) * y[:, 0]
    rotation_x, rotation_y = rotation(dim_x, rng), rotation(dim_y, rng)
    return np.hstack([x @ rotation_x, y @ rotation_y]), rotation_x[0], rotation_y[0]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("dim_x", "dim_y"), [(6, 6), (10, 4), (2, 8)])
def test_a_pair_whose_correlation_has_a_random_sign_is_found(
    dim_x: int, dim_y: int, seed: int
) -> None:
    """For any rotation of the coordinates; the standard error of the angle is about sqrt(d / n)."""
    z, *true = hidden_pair(4000, dim_x, dim_y, seed)
    for columns, direction in zip(quadratic_directions(z, dim_x), true, strict=True):
        assert columns.shape == (len(direction), 1)
        assert abs(columns[:, 0] @ direction) > 0.99


def test_correlated_columns_change_nothing() -> None:
    """The products of the directions with the samples stay the same variates."""
    z, direction, _ = hidden_pair(4000, 6, 6, seed=0)
    mixed = z.copy()
    mixed[:, :6] = z[:, :6] @ (np.eye(6) + 0.5)
    mixed /= mixed.std(axis=0)
    (column,) = quadratic_directions(mixed, 6)[0].T
    assert abs(np.corrcoef(mixed[:, :6] @ column, z[:, :6] @ direction)[0, 1]) > 0.99


def test_all_directions_are_found_where_only_the_lengths_are_shared() -> None:
    rng = np.random.default_rng(0)
    length = np.sqrt(3 / rng.chisquare(3, (4000, 1)))
    z = np.clip(length * rng.standard_normal((4000, 10)), -4, 4)
    assert [columns.shape[1] for columns in quadratic_directions(z, 5)] == [5, 5]


@pytest.mark.parametrize(("heavy", "most"), [(False, 1), (True, 6)])
def test_hardly_anything_is_found_in_independent_samples(heavy: bool, most: int) -> None:
    """Measured: directions in none of 60 normal draws, and in 6 of 60 heavy-tailed ones."""
    draws_with_directions = 0
    for seed in range(20):
        z = np.random.default_rng(seed).standard_normal((2000, 16))
        directions = quadratic_directions(np.sinh(z) if heavy else z, 8)
        draws_with_directions += any(columns.shape[1] for columns in directions)
    assert draws_with_directions <= most


def test_too_few_samples_tell_nothing() -> None:
    z, *_ = hidden_pair(300, 6, 6, seed=0)
    assert [columns.shape for columns in quadratic_directions(z, 6)] == [(6, 0), (6, 0)]


def test_more_dimensions_than_can_be_looked_at_cost_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The limit on the samples that are used counts, and not the number of all samples."""
    monkeypatch.setattr("ibtrain.mi.neural.quadratic.MAX_SAMPLES", 300)
    monkeypatch.setattr("ibtrain.mi.neural.quadratic._products", None)
    z, *_ = hidden_pair(4000, 6, 6, seed=0)
    assert [columns.shape for columns in quadratic_directions(z, 6)] == [(6, 0), (6, 0)]


@pytest.mark.slow
def test_a_critic_finds_a_correlation_of_random_sign_among_ten_dimensions() -> None:
    """The error of the estimate is -0.06 to -0.12; without these directions it was -0.26 to -0.44."""
    problem = PROBLEMS["random-signs-10"]
    result = estimate(*problem.sample(2000, np.random.default_rng([1, 2000])), "mine", seed=1)
    assert problem.mi - 0.18 < result.mi < problem.mi + 0.1
