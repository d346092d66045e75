"""Dependent rows: they are flagged, and samples are split and errors computed by blocks."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from ibtrain.errors import ConfigError
from ibtrain.mi.benchmark.problems import PROBLEMS
from ibtrain.mi.neural.splits import draw_splits
from ibtrain.mi.registry import estimate
from ibtrain.mi.samples import check_stored
from ibtrain.mi.serial import variance_inflation

Array = NDArray[np.float64]


def autoregressive(phi: float, count: int, seed: int, dim: int = 1) -> Array:
    """Returns independent first-order autoregressive series of unit variance."""
    noise = np.random.default_rng(seed).standard_normal((count + 2000, dim))
    series = lfilter([np.sqrt(1 - phi**2)], [1, -phi], noise, axis=0)[2000:]
    return np.asarray(series)


@pytest.mark.parametrize("phi", [0.5, 0.8, 0.9])
def test_inflation_is_bartletts(phi: float) -> None:
    values = [
        variance_inflation(
            check_stored(autoregressive(phi, 10_000, seed), autoregressive(phi, 10_000, seed + 100))
        )
        for seed in range(10)
    ]
    expected = (1 + phi**2) / (1 - phi**2)
    # ranks of normal variables are slightly less correlated than the variables
    assert np.mean(values) == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("phi", [0.5, 0.99, 0.999])
@pytest.mark.parametrize("method", ["ksg", "gaussian"])
def test_series_are_flagged(phi: float, method: str) -> None:
    x, y = autoregressive(phi, 5000, 0), autoregressive(phi, 5000, 1)
    assert "serial" in estimate(x, y, method).flags


@pytest.mark.parametrize("name", PROBLEMS)
def test_independent_rows_are_not(name: str) -> None:
    for count in (200, 5000):
        x, y = PROBLEMS[name].sample(count, np.random.default_rng(0))
        assert variance_inflation(check_stored(x, y)) < 1.25


def test_sorted_samples_are_not() -> None:
    rng = np.random.default_rng(0)
    x, noise = rng.standard_normal((2, 2000))
    order = np.argsort(x)
    for step in (1, -1):
        rows = order[::step]
        assert variance_inflation(check_stored(x[rows], (x + noise)[rows])) == 1
        assert variance_inflation(check_stored((x + noise)[rows], x[rows])) == 1
    labels = np.sort(rng.integers(0, 3, 2000))
    assert variance_inflation(check_stored(labels + noise, labels)) == 1


def test_one_series_alone_is_harmless() -> None:
    x = autoregressive(0.99, 5000, 0)
    y = np.random.default_rng(1).standard_normal(5000)
    assert variance_inflation(check_stored(x, y)) < 1.25


def test_a_column_that_only_rises_hides_no_series() -> None:
    x, y = autoregressive(0.99, 5000, 0), autoregressive(0.99, 5000, 1)
    with_time = np.hstack([np.arange(5000.0)[:, None], x])
    assert variance_inflation(check_stored(with_time, y)) > 10


def test_a_period_is_seen_past_its_zeros() -> None:
    """The autocorrelation of a wave of 4 samples is 0 at lag 1, and -1 at lag 2."""
    time = np.arange(4000)
    rng = np.random.default_rng(0)
    x, y = (np.sin(np.pi / 2 * time + phase) + 0.1 * rng.standard_normal(4000) for phase in (0, 1))
    assert variance_inflation(check_stored(x, y)) > 10


def test_blocks_that_are_too_short_are_flagged() -> None:
    x, y = autoregressive(0.99, 10_000, 0), autoregressive(0.99, 10_000, 1)
    flags = [estimate(x, y, "gaussian", blocks=blocks).flags for blocks in (10, 500)]
    assert "serial" in flags[0]
    assert "serial" not in flags[1]


@pytest.mark.parametrize(
    ("method", "dim"),
    [pytest.param("ksg", 1, marks=pytest.mark.slow), ("gaussian", 5), ("binning", 1)],
)
def test_by_blocks_independent_series_are_zero(method: str, dim: int) -> None:
    """Without blocks the values are 5 to 20 standard errors above 0."""
    values = []
    for seed in range(6):
        x, y = (autoregressive(0.99, 6000, 2 * seed + side, dim) for side in (0, 1))
        result = estimate(x, y, method, blocks=300)
        assert "copies" not in result.flags
        values.append((result.mi, result.stderr))
    mi, stderr = np.array(values).T
    assert (np.abs(mi) <= 3 * stderr).sum() >= 5
    assert stderr.mean() < 0.2


def test_by_blocks_a_critics_error_is_larger() -> None:
    options = {"steps": 100, "hidden": (16, 16), "batch_size": 64}
    x, y = autoregressive(0.99, 4000, 0), autoregressive(0.99, 4000, 1)
    alone, by_blocks = (estimate(x, 0.5 * x + y, blocks=blocks, **options) for blocks in (1, 200))
    assert by_blocks.stderr > 2 * alone.stderr


def test_by_blocks_the_standard_error_is_that_of_the_blocks() -> None:
    """Rows repeated ten times consecutively count as a tenth of their number."""
    rng = np.random.default_rng(0)
    x, noise = rng.standard_normal((2, 500))
    y = x + noise
    alone = estimate(x, y, "gaussian").stderr
    repeated = np.repeat(x, 10) + 1e-6 * rng.standard_normal(5000), np.repeat(y, 10)
    assert estimate(*repeated, "gaussian").stderr < 0.4 * alone
    assert estimate(*repeated, "gaussian", blocks=10).stderr == pytest.approx(alone, rel=0.1)


def test_no_block_is_in_two_parts_but_at_the_borders() -> None:
    for splits in draw_splits(1000, 5, seed=0, block=20):
        parts = [
            set((part // 20).tolist()) for part in (splits.train, splits.select, splits.report)
        ]
        shared = (parts[0] & parts[1]) | (parts[0] & parts[2]) | (parts[1] & parts[2])
        assert len(shared) <= 4
    reporting = [row for s in draw_splits(1000, 5, seed=0, block=20) for row in s.report.tolist()]
    assert sorted(reporting) == list(range(1000))


@pytest.mark.parametrize("method", ["ksg", "mine"])
def test_too_few_blocks_are_refused(method: str) -> None:
    x, y = np.random.default_rng(0).standard_normal((2, 300))
    with pytest.raises(ConfigError, match="blocks: got 200, expected at most"):
        estimate(x, y, method, blocks=200)
    with pytest.raises(ConfigError, match="blocks: got 0"):
        estimate(x, y, method, blocks=0)


def test_columns_of_a_table_sorted_by_a_third_are_a_series_until_shuffled() -> None:
    rng = np.random.default_rng(0)
    species = np.repeat([0, 2, 4], 100)
    x, y = species + rng.standard_normal((2, 300))
    rows = rng.permutation(300)
    assert "serial" in estimate(x, y, "gaussian").flags
    assert "serial" not in estimate(x[rows], y[rows], "gaussian").flags
