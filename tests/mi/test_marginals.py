"""Maps of single coordinates."""

import numpy as np
import pytest
from scipy import stats

from ibtrain.mi.marginals import NormalScores, Standardised, fit_marginals, spread_scores

RNG = np.random.default_rng(0)


def test_normal_scores_are_normal() -> None:
    samples = RNG.exponential(size=(5000, 2)) ** 3
    scores = NormalScores(samples)(samples)
    assert stats.kstest(scores[:, 0], "norm").statistic < 0.01
    np.testing.assert_allclose(scores.std(axis=0), 1, atol=0.01)


def test_increasing_maps_leave_normal_scores_alone() -> None:
    samples = RNG.standard_normal((300, 2))
    direct = NormalScores(samples)(samples)
    np.testing.assert_allclose(NormalScores(np.exp(samples))(np.exp(samples)), direct)
    np.testing.assert_allclose(NormalScores(100 * samples)(100 * samples), direct)


def test_distinct_values_stay_distinct_and_in_order() -> None:
    train, other = np.sort(RNG.standard_normal((2, 200, 1)), axis=1)
    scores = NormalScores(train)(other)[:, 0]
    inside = (other[:, 0] > train.min()) & (other[:, 0] < train.max())
    assert (np.diff(scores[inside]) > 0).all()
    assert (np.diff(scores) >= 0).all()
    assert np.isfinite(NormalScores(train)(np.array([[-1e9], [1e9]]))).all()


def test_tied_values_share_the_middle_of_their_ranks() -> None:
    train = np.array([[0.0], [0.0], [1.0], [2.0]])
    expected = stats.norm.ppf([0.25, 0.25, 0.625, 0.875])
    np.testing.assert_allclose(NormalScores(train)(train)[:, 0], expected)


def test_ties_are_broken_within_the_middle_of_their_ranks() -> None:
    samples = RNG.integers(0, 4, (1000, 2)).astype(float)
    scores = spread_scores(samples, np.random.default_rng(0))
    assert len(np.unique(scores[:, 0])) == 1000
    levels = stats.norm.cdf(scores[:, 0])
    edges = np.cumsum(np.bincount(samples[:, 0].astype(int))) / 1000
    for value, low, high in zip(range(4), [0, *edges], edges, strict=False):
        inside = np.sort(levels[samples[:, 0] == value])
        quarter = (high - low) / 4
        # ranks are a thousandth apart
        assert inside[0] == pytest.approx(low + quarter, abs=1e-3)
        assert inside[-1] == pytest.approx(high - quarter, abs=1e-3)
        assert stats.kstest((inside - inside[0]) / np.ptp(inside), "uniform").statistic < 0.02


def test_without_ties_spreading_changes_nothing() -> None:
    samples = RNG.standard_normal((500, 3))
    spread = spread_scores(samples, np.random.default_rng(0))
    np.testing.assert_allclose(spread, NormalScores(samples)(samples))


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e150, 1e300])
def test_scales_near_the_ends_of_float64_change_nothing(scale: float) -> None:
    samples = RNG.standard_normal((300, 2))
    with np.errstate(all="raise", under="ignore"):
        standardised = Standardised(scale * samples)(scale * samples)
        scores = NormalScores(scale * samples)(scale * samples)
    np.testing.assert_allclose(standardised, Standardised(samples)(samples), rtol=1e-9)
    np.testing.assert_allclose(scores, NormalScores(samples)(samples), rtol=1e-9)


def test_standardising_uses_the_training_samples_alone() -> None:
    train = RNG.normal(3.0, 2.0, (1000, 1))
    mapped = fit_marginals(train, normal_scores=False)(np.array([[3.0], [5.0]]))
    np.testing.assert_allclose(mapped[:, 0], [0, 1], atol=0.1)


def test_a_huge_value_merges_no_small_ones() -> None:
    column = np.append(1e-25 * np.random.default_rng(0).standard_normal(100), 1e300)[:, None]
    scores = NormalScores(column)(column)
    assert len(np.unique(scores)) == 101


def test_between_training_samples_scores_are_between() -> None:
    train = np.array([[-1.7e308], [0.0], [1.7e308]])
    scores = NormalScores(train)(np.array([[-1.7e308], [-0.85e308], [0.0], [0.85e308], [1.7e308]]))
    assert (np.diff(scores[:, 0]) > 0).all()
