"""The permutation test: p-values are uniform under independence, and small otherwise."""

import math

import numpy as np
import pytest

from ibtrain.errors import ConfigError
from ibtrain.mi.permutation import shuffled_rows
from ibtrain.mi.registry import estimate


def p_values(
    method: str, count: int, draws: int, permutations: int, correlation: float = 0.0
) -> np.ndarray:
    # two bins have so few different values that most p-values contain ties, and are too large
    options = {"num_bins": 6} if method == "binning" else {}
    values = []
    for draw in range(draws):
        x, noise = np.random.default_rng(draw).standard_normal((2, count))
        y = correlation * x + math.sqrt(1 - correlation**2) * noise
        test = estimate(x, y, method, permutations=permutations, seed=draw, **options).permutation
        assert test is not None
        values.append(test.p_value)
    return np.array(values)


@pytest.mark.parametrize(
    ("method", "count", "draws"),
    [
        ("gaussian", 40, 60),
        pytest.param("gaussian", 60, 300, marks=pytest.mark.slow),
        pytest.param("ksg", 80, 100, marks=pytest.mark.slow),
        pytest.param("binning", 100, 60, marks=pytest.mark.slow),
    ],
)
def test_p_values_are_uniform_under_independence(method: str, count: int, draws: int) -> None:
    p = p_values(method, count, draws, 9)
    # on the values 0.1, 0.2, ..., 1, each with probability 0.1; three standard errors of the draws
    assert p.mean() == pytest.approx(0.55, abs=3 * math.sqrt(99 / 1200) / math.sqrt(draws))
    for level in (0.1, 0.3, 0.5):
        spread = math.sqrt(level * (1 - level) / draws)
        assert (p < level + 1e-9).mean() == pytest.approx(level, abs=3 * spread)
    assert set(np.round(10 * p, 9)) <= set(range(1, 11))


@pytest.mark.parametrize(("method", "count"), [("gaussian", 60), ("binning", 200), ("ksg", 100)])
def test_a_dependence_is_found(method: str, count: int) -> None:
    """The p-value is the smallest that 9 permutations can give (a correlation of 0.6 and 19 permutations: in 40 of 40
    draws of `gaussian`, 36 of `ksg`)."""
    assert (p_values(method, count, 3, 9, correlation=0.7) == 0.1).all()


def test_the_mean_shows_the_bias() -> None:
    """Counts of a few samples in many cells: the plug-in value of independent variables is far above 0."""
    x, y = np.random.default_rng(0).integers(0, 20, (2, 300))
    result = estimate(x, y, "binning", permutations=20)
    assert result.permutation is not None
    test, error = result.permutation, result.permutation.std / math.sqrt(20)
    assert result.permutation.mean > 0.1
    # the value is one more draw from the same distribution
    assert abs(result.mi - test.mean) < 4 * test.std
    assert error < 0.1 * test.mean


def test_bits_and_seeds_apply_to_the_test_too() -> None:
    x, noise = np.random.default_rng(0).standard_normal((2, 300))
    nats, again = (estimate(x, x + noise, "ksg", permutations=4).permutation for _ in range(2))
    bits = estimate(x, x + noise, "ksg", permutations=4, unit="bits").permutation
    other = estimate(x, x + noise, "ksg", permutations=4, seed=1).permutation
    assert nats == again != other
    assert nats is not None
    assert bits is not None
    assert bits.mean == pytest.approx(nats.mean / math.log(2))
    assert bits.std == pytest.approx(nats.std / math.log(2))
    assert bits.p_value == nats.p_value == 0.2


def test_blocks_stay_whole() -> None:
    rows = shuffled_rows(23, 5, np.random.default_rng(0))
    assert sorted(rows) == list(range(23))
    # a block begins at a multiple of 5, and its rows follow each other
    starts = [index for index in range(23) if index == 0 or rows[index] != rows[index - 1] + 1]
    assert all(rows[start] % 5 == 0 for start in starts)
    assert rows.tolist() != list(range(23))
    assert len({*map(tuple, (shuffled_rows(9, 1, np.random.default_rng(s)) for s in range(9)))}) > 5


@pytest.mark.slow
def test_two_slow_series_are_found_dependent_without_blocks_only() -> None:
    """Independent random walks share their slowness, and nothing else."""
    steps = np.random.default_rng(3).standard_normal((20, 2, 400))
    shares = {
        blocks: np.mean(
            [
                estimate(
                    *pair.cumsum(axis=1), "gaussian", permutations=19, blocks=blocks
                ).permutation.p_value  # type: ignore[misc]  # type: ignore[union-attr]
                <= 0.05
                for pair in steps
            ]
        )
        for blocks in (1, 40)
    }
    assert shares[1] > 0.6
    assert shares[40] < 0.6 * shares[1]


def test_a_constant_side_has_a_p_value_of_one() -> None:
    test = estimate(np.ones(100), np.arange(100.0), "ksg", permutations=9).permutation
    assert test is not None
    assert (test.p_value, test.mean) == (1.0, 0.0)


def test_the_number_of_permutations_is_checked() -> None:
    with pytest.raises(ConfigError, match="permutations: got -1, expected a whole number of 0"):
        estimate(np.arange(100.0), np.arange(100.0), permutations=-1)
