"""The known values, compared with densities, simulations and other estimators."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import mutual_info_score

from ibtrain.mi.benchmark.problems import PROBLEMS, Problem
from ibtrain.mi.classical.ksg import ksg
from ibtrain.mi.samples import check_samples

ONE_DIMENSIONAL = [
    "gaussian-1",
    "wiggly-1",
    "bimodal-1",
    "swiss-roll-2-1",
    "additive-uniform",
    "additive-uniform-narrow",
    "rounded-1",
    "rounded-coarse-1",
    "poisson-counts",
    "zero-inflated",
    "gaussian-classes-2",
    "ten-classes-2",
    "binary-channel",
]


def draw(problem: Problem, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return problem.sample(count, np.random.default_rng(seed))


@pytest.mark.parametrize("name", PROBLEMS)
def test_samples_are_what_they_say(name: str) -> None:
    x, y = draw(PROBLEMS[name], 200)
    samples = check_samples(x, y)
    assert len(samples) == 200
    again, _ = draw(PROBLEMS[name], 200)
    np.testing.assert_array_equal(x, again)
    assert PROBLEMS[name].mi >= 0
    assert PROBLEMS[name].source


@pytest.mark.parametrize("name", ONE_DIMENSIONAL)
def test_nearest_neighbours_find_the_truth_in_one_dimension(name: str) -> None:
    problem = PROBLEMS[name]
    result = ksg(check_samples(*draw(problem, 8000)))
    # the bias of the estimator is below 0.02 here
    assert abs(result.mi - problem.mi) <= 3 * result.stderr + 0.02


@pytest.mark.parametrize(("name", "degrees"), [("student-1-nu-1", 1), ("student-3-nu-2", 2)])
def test_student_information_is_the_mean_log_ratio(name: str, degrees: int) -> None:
    x, y = draw(PROBLEMS[name], 100_000)
    dim = x.shape[1]
    rho = {1: 0.0, 3: 0.5}[dim]
    shape = np.kron(np.array([[1, rho], [rho, 1]]), np.eye(dim))
    joint = stats.multivariate_t(shape=shape, df=degrees).logpdf(np.hstack([x, y]))
    alone = stats.multivariate_t(shape=np.eye(dim), df=degrees)
    terms = joint - alone.logpdf(x) - alone.logpdf(y)
    assert abs(terms.mean() - PROBLEMS[name].mi) <= 3 * terms.std() / math.sqrt(len(x))


def test_class_information_is_the_mean_log_posterior() -> None:
    x, y = draw(PROBLEMS["gaussian-classes-8"], 100_000)
    corners = 2 * ((np.arange(8)[:, None] >> np.arange(3)) & 1) - 1
    logits = -0.5 * ((x[:, None] - corners) ** 2).sum(2)
    terms = logits[np.arange(len(x)), y] - np.logaddexp.reduce(logits, axis=1) + math.log(8)
    assert abs(terms.mean() - PROBLEMS["gaussian-classes-8"].mi) <= 3 * terms.std() / 316


def test_relu_layer_information_is_the_mean_log_ratio() -> None:
    problem = PROBLEMS["relu-layer"]
    assert problem.layer is not None
    x, t = draw(problem, 60_000)
    # the density of t by a mixture over 200,000 other inputs, unit by unit
    others = np.sort(np.maximum(np.random.default_rng(1).standard_normal(200_000), 0))
    grid = np.linspace(-4, 7, 1200)
    density = stats.norm.pdf(grid[:, None], others[::20], problem.layer.noise_std).mean(axis=1)
    log_t = np.log(np.interp(t, grid, density))
    terms = (stats.norm.logpdf(t, np.maximum(x, 0), problem.layer.noise_std) - log_t).sum(axis=1)
    # 10,000 inputs leave 0.003 nats of error in the density
    assert abs(terms.mean() - problem.mi) <= 3 * terms.std() / math.sqrt(60_000) + 0.003


@pytest.mark.parametrize("name", ["binary-channel", "symmetric-channel-5"])
def test_channel_information_is_that_of_the_table(name: str) -> None:
    x, y = draw(PROBLEMS[name], 200_000)
    received = x.argmax(axis=1)
    # 200,000 draws leave 0.001 nats of bias and a standard error below 0.003
    assert mutual_info_score(received, y) == pytest.approx(PROBLEMS[name].mi, abs=0.01)


def test_linear_layer_information_is_the_mean_log_ratio() -> None:
    problem = PROBLEMS["linear-layer"]
    assert problem.layer is not None
    x, t = draw(problem, 100_000)
    weights = problem.layer.output(np.eye(10))
    covariance = weights.T @ weights + problem.layer.noise_std**2 * np.eye(6)
    noise = (t - problem.layer.output(x)) / problem.layer.noise_std
    terms = stats.norm.logpdf(noise).sum(1) - stats.multivariate_normal(cov=covariance).logpdf(t)
    assert abs(terms.mean() - problem.mi) <= 3 * terms.std() / 316


@pytest.mark.parametrize("name", ["spiral-3", "half-cubed-3", "normal-cdf-3", "asinh-3"])
def test_maps_of_a_problem_keep_its_answer(name: str) -> None:
    assert PROBLEMS[name].mi == PROBLEMS["gaussian-3"].mi
    x, _ = draw(PROBLEMS[name], 500)
    assert len(np.unique(x.round(12), axis=0)) == 500


def test_random_signs_information_is_the_mean_log_ratio() -> None:
    problem = PROBLEMS["random-signs-10"]
    x, y = draw(problem, 100_000)
    normal = stats.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]])
    second, turned = np.stack([x[:, 1], y[:, 1]], axis=1), np.stack([x[:, 1], -y[:, 1]], axis=1)
    mixture = np.log(0.5 * (normal.pdf(second) + normal.pdf(turned)))
    first = stats.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]]).logpdf(
        np.stack([x[:, 0], y[:, 0]], axis=1)
    )
    alone = stats.norm.logpdf(x[:, :2]) + stats.norm.logpdf(y[:, :2])
    terms = first + mixture - alone.sum(axis=1)
    assert abs(terms.mean() - problem.mi) <= 3 * terms.std() / 316
