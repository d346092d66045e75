"""Maps of single coordinates."""

import numpy as np
from scipy import stats

from ibtrain.mi.marginals import NormalScores, Standardised, fit_marginals

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


def test_discrete_columns_are_standardised_and_others_are_not() -> None:
    samples = np.column_stack([RNG.integers(0, 2, 400), RNG.exponential(size=400)])
    mapped = fit_marginals(samples)(samples)
    np.testing.assert_allclose(mapped[:, 0], Standardised(samples)(samples)[:, 0])
    np.testing.assert_allclose(mapped[:, 1], NormalScores(samples)(samples)[:, 1])


def test_standardising_uses_the_training_samples_alone() -> None:
    train = RNG.normal(3.0, 2.0, (1000, 1))
    mapped = fit_marginals(train, normal_scores=False)(np.array([[3.0], [5.0]]))
    np.testing.assert_allclose(mapped[:, 0], [0, 1], atol=0.1)
