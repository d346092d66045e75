"""Binned estimates, compared with direct counts and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from ibtrain.errors import ConfigError
from ibtrain.mi.classical.binning import binning
from ibtrain.mi.registry import estimate
from ibtrain.mi.samples import check_samples

RNG = np.random.default_rng(0)


def jackknifed(x: np.ndarray, y: np.ndarray) -> float:
    """Returns n I - (n - 1) / n times the sum of the values I without one sample."""
    count = len(x)
    rest = [mutual_info_score(np.delete(x, i), np.delete(y, i)) for i in range(count)]
    return float(count * mutual_info_score(x, y) - (count - 1) * np.mean(rest))


@pytest.mark.parametrize("bins", ["adaptive", "fixed", "equal-count"])
def test_it_is_the_mutual_information_of_the_cells(bins: str) -> None:
    x = RNG.standard_normal(300)
    y = x + RNG.standard_normal(300)
    edges = {
        "adaptive": [np.linspace(v.min(), v.max(), 7)[1:-1] for v in (x, y)],
        "fixed": [np.linspace(-2, 2, 7)] * 2,
        "equal-count": [np.quantile(v, np.linspace(0, 1, 7)[1:-1]) for v in (x, y)],
    }[bins]
    cells = [np.digitize(v, e) for v, e in zip((x, y), edges, strict=True)]
    expected = jackknifed(*cells)
    result = binning(check_samples(x, y), bins=bins, num_bins=6, low=-2.0, high=2.0)
    assert result.mi == pytest.approx(expected, abs=1e-9)


def test_equal_count_bins_hold_as_many_each() -> None:
    # the sides are independent: the plug-in value is all bias
    x, y = RNG.exponential(size=(2, 4000))
    result = binning(check_samples(x, y), bins="equal-count")
    assert abs(result.mi) <= 3 * result.stderr


def test_a_relu_is_binned_over_its_own_range() -> None:
    x = RNG.standard_normal(4000)
    t = np.maximum(10 * x, 0) + 1e-3 * RNG.standard_normal(4000)
    adaptive = binning(check_samples(x, t), num_bins=20)
    fixed = binning(check_samples(x, t), bins="fixed", num_bins=20)
    assert adaptive.mi > fixed.mi + 0.3


def test_the_standard_error_is_the_spread_over_samples() -> None:
    values, errors = [], []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal(1000)
        result = binning(check_samples(x, x + rng.standard_normal(1000)), num_bins=5)
        values.append(result.mi)
        errors.append(result.stderr)
    # the spread of 100 values is accurate to 7 %
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.25)


@pytest.mark.slow
def test_independent_samples_are_zero_within_three_errors() -> None:
    beyond = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x, y = rng.standard_normal((2, 2000))
        result = binning(check_samples(x, y), bins="equal-count", num_bins=8)
        beyond += abs(result.mi) > 3 * result.stderr
    assert beyond <= 3


def test_a_cell_for_every_sample_is_flagged() -> None:
    x, y = RNG.standard_normal((2, 500, 6))
    assert "undersampled" in binning(check_samples(x, y), num_bins=10).flags
    assert binning(check_samples(x[:, 0], y[:, 0])).flags == ()


def test_no_more_bins_than_samples_pay_for() -> None:
    x, y = RNG.standard_normal((2, 6000, 3))
    result = binning(check_samples(x, y))
    assert abs(result.mi) <= 3 * result.stderr
    assert result.flags == ()
    labels = RNG.integers(0, 3, 6000)
    labelled = binning(check_samples(x, labels))
    # 6,000 samples, 3 labels, 100 per cell: 20 cells in 3 dimensions
    assert labelled.mi == binning(check_samples(x, labels), num_bins=2).mi


def test_settings_out_of_range_are_refused() -> None:
    samples = check_samples(np.arange(10.0), np.arange(10.0) ** 2)
    with pytest.raises(ConfigError, match="bins: got 'odd'"):
        binning(samples, bins="odd")
    with pytest.raises(ConfigError, match="num_bins: got 1"):
        binning(samples, num_bins=1)
    with pytest.raises(ConfigError, match="high: got 1"):
        binning(samples, low=2.0, high=1.0)


@pytest.mark.parametrize("share", [0.02, 0.05, 0.5, 0.95])
@pytest.mark.parametrize("num_bins", [2, 10])
def test_a_value_that_most_samples_have_keeps_a_cell(share: float, num_bins: int) -> None:
    """The information of a binary x with itself is its entropy, whichever value is rare."""
    x = (np.arange(2000) < share * 2000).astype(float)
    expected = -(share * np.log(share) + (1 - share) * np.log(1 - share))
    for column in (x, -x):
        result = estimate(column, column, "binning", num_bins=num_bins, discrete=False)
        assert result.mi == pytest.approx(expected, abs=0.01)


def test_a_share_is_one_of_the_labels_entropy() -> None:
    y = np.random.default_rng(0).integers(0, 26, 20_000)
    result = estimate(
        y + np.random.default_rng(1).standard_normal(20_000), y, "binning", num_bins=7
    )
    assert result.normalized == pytest.approx(result.mi / np.log(26), rel=1e-3)
    assert "above_label_entropy" not in result.flags
    nothing = estimate(y / 26, y, "binning", bins="fixed", low=100.0, high=200.0)
    assert nothing.normalized == 0
