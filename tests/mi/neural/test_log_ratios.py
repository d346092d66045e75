"""Closed-form log-ratios against densities of SciPy."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats

from ibtrain.mi.marginals import NormalScores
from ibtrain.mi.neural.log_ratios import (
    GaussianLogRatio,
    Independent,
    MixtureLogRatio,
    StudentLogRatio,
    fit_student,
)

Array = NDArray[np.float64]
CORRELATION = np.array([[1, 0.3, 0.6], [0.3, 1, 0.2], [0.6, 0.2, 1]])


def student_samples(count: int, degrees: float, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    return stats.multivariate_t(shape=CORRELATION, df=degrees, seed=rng).rvs(count)


def test_the_gaussian_base_is_the_difference_of_log_densities() -> None:
    z = np.random.default_rng(0).multivariate_normal(np.zeros(3), CORRELATION, 500)
    base = GaussianLogRatio(z, 2)
    moments = z.T @ z / len(z)
    fitted = moments / np.sqrt(np.outer(np.diag(moments), np.diag(moments)))
    joint = stats.multivariate_normal(cov=fitted).logpdf(z)
    marginals = stats.multivariate_normal(cov=fitted[:2, :2]).logpdf(z[:, :2]) + stats.norm.logpdf(
        z[:, 2]
    )
    prepared = torch.from_numpy(base.prepare(z))
    ratio = base.matrix(prepared[:, :2], prepared[:, 2:]).diagonal().numpy()
    np.testing.assert_allclose(ratio, joint - marginals, atol=1e-3)


def test_the_student_base_is_the_difference_of_log_densities() -> None:
    z = stats.norm.ppf(stats.t.cdf(student_samples(2000, 3), 3))
    base = StudentLogRatio(z, 2, 3.0)
    prepared = base.prepare(z)
    fitted = torch.linalg.inv(base.quadratic.precisions.tensors[0]).numpy()
    joint = stats.multivariate_t(shape=fitted, df=3).logpdf(prepared)
    marginals = stats.multivariate_t(shape=fitted[:2, :2], df=3).logpdf(prepared[:, :2])
    marginals += stats.t(3).logpdf(prepared[:, 2])
    tensor = torch.from_numpy(prepared)
    ratio = base.matrix(tensor[:, :2], tensor[:, 2:]).diagonal().numpy()
    np.testing.assert_allclose(ratio, joint - marginals, atol=1e-8)


def test_the_mixture_base_is_the_difference_of_log_densities() -> None:
    rng = np.random.default_rng(0)
    z = rng.multivariate_normal(np.zeros(3), CORRELATION, 600)
    z[:300] += [3.0, 0.0, -3.0]
    base = MixtureLogRatio(z, 2, components=2)
    weights = np.exp(base.log_weights)
    means = torch.cat(base.means.tensors, dim=1).numpy()
    covariances = [
        torch.linalg.inv(quadratic.precisions.tensors[0]).numpy() for quadratic in base.quadratics
    ]

    def log_density(columns: slice) -> Array:
        densities = [
            weight
            * stats.multivariate_normal(mean[columns], covariance[columns, columns]).pdf(
                z[:, columns]
            )
            for weight, mean, covariance in zip(weights, means, covariances, strict=True)
        ]
        return np.log(sum(densities))

    expected = log_density(slice(3)) - log_density(slice(2)) - log_density(slice(2, 3))
    prepared = torch.from_numpy(base.prepare(z))
    ratio = base.matrix(prepared[:, :2], prepared[:, 2:]).diagonal().numpy()
    np.testing.assert_allclose(ratio, expected, atol=1e-8)
    # the clusters alone give half a nat and more, even without the correlation of the coordinates
    assert ratio.mean() > 0.5


def test_every_x_meets_every_y() -> None:
    z = stats.norm.ppf(stats.t.cdf(student_samples(50, 3), 3))
    for base in (
        Independent(),
        GaussianLogRatio(z, 2),
        StudentLogRatio(z, 2, 3.0),
        MixtureLogRatio(z, 2, 2),
    ):
        prepared = torch.from_numpy(base.prepare(z))
        matrix = base.matrix(prepared[:, :2], prepared[:, 2:])
        swapped = base.matrix(prepared[[4], :2], prepared[[9], 2:])
        assert matrix.shape == (50, 50)
        assert matrix[4, 9].item() == pytest.approx(swapped.item(), abs=1e-9)


def test_the_fit_finds_correlation_and_degrees_of_freedom() -> None:
    # monotone maps of the coordinates change neither of the two
    samples = np.arcsinh(student_samples(8000, 2))
    base = fit_student(NormalScores(samples)(samples), 2)
    fitted = torch.linalg.inv(base.quadratic.precisions.tensors[0]).numpy()
    assert base.degrees in (1.5, 2.0, 3.0)
    np.testing.assert_allclose(fitted, CORRELATION, atol=0.05)


def test_gaussian_samples_ask_for_many_degrees_of_freedom() -> None:
    z = np.random.default_rng(0).multivariate_normal(np.zeros(3), CORRELATION, 5000)
    assert fit_student(z, 2).degrees == 20.0


def test_equal_columns_can_be_inverted() -> None:
    z = np.repeat(np.random.default_rng(0).standard_normal((200, 1)), 3, axis=1)
    prepared = torch.from_numpy(z)
    matrix = GaussianLogRatio(z, 1).matrix(prepared[:, :1], prepared[:, 1:])
    assert torch.isfinite(matrix).all()
    assert matrix.diagonal().mean().item() > 0.5 * math.log(1e3)
