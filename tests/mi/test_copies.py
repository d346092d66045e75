"""Which repeated rows count as copies."""

import numpy as np
import pytest

from ibtrain.mi.benchmark.problems import PROBLEMS
from ibtrain.mi.copies import find_copies
from ibtrain.mi.registry import estimate
from ibtrain.mi.samples import check_stored

QUICK = {"steps": 60, "hidden": (16, 16), "batch_size": 64}


@pytest.mark.parametrize("dims", [(1, 1), (3, 2)])
@pytest.mark.parametrize("method", ["ksg", "gaussian", "mine"])
def test_copies_leave_the_estimate_of_the_distinct_rows(dims: tuple[int, int], method: str) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((500, dims[0])), rng.standard_normal((500, dims[1]))
    y[:, 0] += x[:, 0]
    options = QUICK if method == "mine" else {}
    expected = estimate(x, y, method, **options)
    rows = np.concatenate([np.arange(500), rng.integers(0, 500, 4500)])
    result = estimate(x[rows], y[rows], method, **options)
    assert (result.mi, result.stderr) == (expected.mi, expected.stderr)
    assert "copies" in result.flags
    assert "copies" not in expected.flags


def test_rows_drawn_again_carry_no_information() -> None:
    rng = np.random.default_rng(1)
    x, labels = rng.standard_normal(500), rng.integers(0, 2, 500)
    rows = rng.integers(0, 500, 5000)
    for y in (labels, rng.standard_normal(500)):
        result = estimate(x[rows], y[rows], "ksg")
        assert abs(result.mi) <= 3 * result.stderr
        assert "copies" in result.flags


@pytest.mark.parametrize("seed", range(4))
def test_random_shares_of_copies_are_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, 2000, 2))
    rows = np.concatenate([np.arange(2000), rng.integers(0, 2000, rng.integers(40, 2000))])
    order = rng.permutation(len(rows))
    copies = find_copies(check_stored(x[rows[order]], y[rows[order]]))
    assert copies is not None
    assert len(copies.rows) == 2000
    assert copies.share == pytest.approx(1 - 2000 / len(rows))


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("count", [300, 5000])
def test_values_that_repeat_by_nature_are_no_copies(name: str, count: int) -> None:
    x, y = PROBLEMS[name].sample(count, np.random.default_rng(0))
    assert find_copies(check_stored(x, y)) is None


def test_discrete_and_rounded_functions_are_no_copies() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(10_000).round(1)
    assert find_copies(check_stored(x, (x > 0).astype(int))) is None
    bits = rng.integers(0, 2, (10_000, 12)).astype(float)
    assert find_copies(check_stored(bits, (bits.sum(axis=1) > 6).astype(int))) is None


def test_float32_that_meets_by_chance_is_no_copy() -> None:
    x, y = np.random.default_rng(0).standard_normal((2, 100_000)).astype(np.float32)
    assert len(np.unique(x)) < len(x)
    assert find_copies(check_stored(x, y)) is None


def test_values_on_a_grid_with_a_function_of_them_are_no_copies() -> None:
    """Every distinct row has a different age, and yet ages repeat naturally."""
    ages = np.random.default_rng(0).integers(0, 100, 3000)
    for scale in (1, 0.1):
        result = estimate(ages * scale, ages >= 18, "ksg")
        assert result.n_test == 3000
        assert "copies" not in result.flags


def test_few_distinct_values_are_a_variables_own() -> None:
    codes = np.random.default_rng(0).standard_normal(10)
    x = np.random.default_rng(1).choice(codes, 300)
    result = estimate(x, x > np.sort(codes)[2], "ksg")
    assert "copies" not in result.flags
    assert result.n_test == 300


def test_shuffled_samples_are_those_that_were_kept() -> None:
    rng = np.random.default_rng(0)
    x, noise = rng.standard_normal((2, 500))
    rows = np.concatenate([np.arange(500), rng.integers(0, 500, 4500)])
    kept, whole = (
        estimate(x[rows], (x + noise)[rows], "ksg", permutations=3)
        for rows in (rows, np.arange(500))
    )
    assert kept.n_test == 500
    assert kept.permutation == whole.permutation
