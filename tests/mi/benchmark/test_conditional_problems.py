"""The known values of conditional information, compared with tables, quadrature and densities."""

import math

import numpy as np
import pytest
from scipy import stats

from ibtrain.mi.benchmark.conditional import CONDITIONAL_PROBLEMS
from ibtrain.mi.benchmark.validate import estimate_problem, validate


def draw(name: str, count: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    return CONDITIONAL_PROBLEMS[name].sample(count, np.random.default_rng(seed))


@pytest.mark.parametrize("name", CONDITIONAL_PROBLEMS)
def test_samples_are_drawn_again(name: str) -> None:
    problem = CONDITIONAL_PROBLEMS[name]
    first, again = draw(name, 50), draw(name, 50)
    for side, copy in zip(first, again, strict=True):
        np.testing.assert_array_equal(side, copy)
        assert len(side) == 50
    assert problem.mi >= 0
    assert problem.source


@pytest.mark.parametrize(
    "name",
    ["given-gaussian-1", "given-gaussian-2", "given-gaussian-5", "common-cause-3", "collider-1"],
)
def test_gaussian_answers_are_those_of_the_covariance(name: str) -> None:
    sides = draw(name, 200_000)
    dims = [side.shape[1] for side in sides]
    covariance = np.cov(np.hstack(sides).T)
    x, y, z = np.split(np.arange(sum(dims)), np.cumsum(dims)[:-1])

    def log_det(*parts: np.ndarray) -> float:
        rows = np.concatenate(parts)
        return float(np.linalg.slogdet(covariance[np.ix_(rows, rows)])[1])

    value = 0.5 * (log_det(x, z) + log_det(y, z) - log_det(z) - log_det(x, y, z))
    # the standard error with 200,000 samples is below 0.003
    assert value == pytest.approx(CONDITIONAL_PROBLEMS[name].mi, abs=0.009)


def test_the_common_cause_makes_x_and_y_dependent() -> None:
    x, y, _ = draw("common-cause-1", 50_000)
    assert np.corrcoef(x[:, 0], y[:, 0])[0, 1] == pytest.approx(0.8, abs=0.01)
    x, y, z = draw("common-class", 50_000)
    assert np.corrcoef(x, y)[0, 1] > 0.8
    assert np.corrcoef(x - 2 * z, y - 2 * z)[0, 1] == pytest.approx(0, abs=0.02)
    x, y, z = draw("common-cause-squared", 50_000)
    assert np.corrcoef((x - z**2)[:, 0], (y - z**2)[:, 0])[0, 1] == pytest.approx(0, abs=0.02)


def test_the_exclusive_or_has_the_information_of_its_table() -> None:
    x, y, z = draw("exclusive-or-noisy", 100_000)
    counts = np.zeros((2, 2, 2))
    np.add.at(counts, (x, y, z), 1)
    joint = counts / counts.sum()
    ratio = joint * joint.sum((0, 1)) / (joint.sum(1)[:, None] * joint.sum(0)[None])
    value = float((joint * np.log(ratio)).sum())
    assert value == pytest.approx(CONDITIONAL_PROBLEMS["exclusive-or-noisy"].mi, abs=0.01)


def test_classes_have_their_correlations_and_shares() -> None:
    x, y, z = draw("correlation-by-class", 100_000)
    value = 0.0
    for label in range(3):
        rows = z == label
        rho = np.corrcoef(x[rows], y[rows])[0, 1]
        value -= 0.5 * rows.mean() * math.log1p(-(rho**2))
    assert value == pytest.approx(CONDITIONAL_PROBLEMS["correlation-by-class"].mi, abs=0.01)


def test_shifted_classes_have_the_mean_log_posterior() -> None:
    x, y, z = draw("given-shift-classes-2", 100_000)
    densities = stats.norm.logpdf((x - z)[:, :1], np.array([-1, 1]))
    terms = densities[np.arange(len(y)), y] - np.logaddexp.reduce(densities, axis=1) + math.log(2)
    error = terms.std() / math.sqrt(len(y))
    assert abs(terms.mean() - CONDITIONAL_PROBLEMS["given-shift-classes-2"].mi) <= 3 * error


def test_labels_of_a_common_cause_are_independent_given_it() -> None:
    x, y, z = draw("common-cause-labels", 200_000)
    near = np.abs(z[:, 0] - 0.3) < 0.02
    assert x[near].mean() == pytest.approx(stats.norm.cdf(0.3 / 0.5), abs=0.03)
    assert np.corrcoef(x[near], y[near])[0, 1] == pytest.approx(0, abs=0.05)
    assert np.corrcoef(x, y)[0, 1] > 0.5


def test_validate_runs_what_a_method_supports() -> None:
    names = ["collider-1", "common-class", "given-shift-classes-2"]
    answers = list(validate(names, ("gaussian", "binning", "ksg"), count=400))
    expected = {
        ("collider-1", "gaussian"),
        ("collider-1", "ksg"),
        ("common-class", "gaussian"),
        ("common-class", "binning"),
        ("common-class", "ksg"),
        ("given-shift-classes-2", "ksg"),
    }
    assert {(answer.problem, answer.estimate.method) for answer in answers} == expected
    assert all(answer.estimate.is_conditional for answer in answers)
    assert estimate_problem(draw("given-shift-classes-2", 400), "gaussian", seed=0) is None
