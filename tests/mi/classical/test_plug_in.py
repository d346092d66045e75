"""Plug-in estimates, compared with tables, leave-one-out loops and known distributions."""

import math

import numpy as np
import pytest

from ibtrain.mi.classical.plug_in import jackknife_entropy, plug_in


def naive(counts: np.ndarray) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def test_the_jackknife_leaves_out_one_sample_at_a_time() -> None:
    counts = np.array([5, 1, 0, 3, 1])
    total = counts.sum()
    rest = 0.0
    for value, times in enumerate(counts):
        fewer = counts - (np.arange(5) == value)
        rest += times * naive(fewer) if times else 0.0
    expected = total * naive(counts) - (total - 1) / total * rest
    assert jackknife_entropy(counts) == pytest.approx(expected, abs=1e-12)


def noisy_copy(symbols: int, error: float) -> float:
    """Returns I(x; y) of a uniform symbol that is redrawn with this probability."""
    shares = np.full((symbols, symbols), error / symbols**2)
    shares += np.eye(symbols) * (1 - error) / symbols
    return float((shares * np.log(symbols**2 * shares)).sum())


@pytest.mark.parametrize("symbols", [2, 5, 30, 100])
@pytest.mark.parametrize("error", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("count", [1000, 10_000])
def test_the_standard_error_covers_or_a_flag_says_so(
    symbols: int, error: float, count: int
) -> None:
    missed = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x = rng.integers(0, symbols, count)
        y = np.where(rng.random(count) < error, rng.integers(0, symbols, count), x)
        result = plug_in(x, y, seed=seed)
        is_far = abs(result.mi - noisy_copy(symbols, error)) > 3 * result.stderr
        missed += is_far and "undersampled" not in result.flags
    assert missed <= 1


def test_a_table_of_few_cells_is_told_exactly() -> None:
    results = [plug_in(*np.random.default_rng(s).integers(0, 3, (2, 5000))) for s in range(100)]
    values = np.array([estimate.mi for estimate in results])
    # 2n times the naive value is chi-squared with 4 degrees of freedom: a spread of sqrt(8) / 2n
    assert abs(values.mean()) <= 3 * values.std() / 10
    assert values.std() == pytest.approx(math.sqrt(8) / 10_000, rel=0.3)
    assert np.mean([estimate.stderr for estimate in results]) == pytest.approx(
        values.std(), rel=0.4
    )
    assert {flag for estimate in results for flag in estimate.flags} == set()
