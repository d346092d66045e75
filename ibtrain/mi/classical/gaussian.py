"""The closed form of mutual information for jointly Gaussian vectors."""

import math
import time

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from ibtrain.errors import DataError
from ibtrain.mi.classical.jackknife import block_jackknife
from ibtrain.mi.marginals import NormalScores
from ibtrain.mi.result import Estimate, plug_in_stderr, value_flags
from ibtrain.mi.samples import Samples

__all__ = ["gaussian"]

Array = NDArray[np.float64]

RANK_TOLERANCE = 1e-7
"""Relative standard deviation of a direction below which it counts as a rounded linear combination of the others."""
MIN_UNEXPLAINED = 1e-12
"""Smallest share of unexplained variance that float64 can distinguish from zero."""


def gaussian(samples: Samples) -> Estimate:
    r"""Computes mutual information as if the normal scores of x and y were jointly Gaussian, from their covariance.

    .. math:: I = \frac12 \log \frac{|\Sigma_x| |\Sigma_y|}{|\Sigma|}
        = -\frac12 \sum_i \log(1 - \rho_i^2)

    for the canonical correlations :math:`\rho_i`, minus the sampling bias of each log-determinant,
    :math:`\sum_{i<d} \psi(\frac{n-1-i}2) - d \log \frac{n-1}2`. Each coordinate is mapped to its normal score
    first, which preserves mutual information and removes any monotone distortion. For other distributions the
    value is the information in linear dependences of the scores; it is neither an upper nor a lower bound.

    Args:
        samples: Continuous x and y.

    Returns:
        The value, and the standard error of the mean log-ratio; for samples in blocks, both are computed by
        :func:`~ibtrain.mi.classical.jackknife.block_jackknife`.

    Raises:
        DataError: If there are not more samples than dimensions, not counting redundant dimensions.

    References:
        Cover & Thomas, Elements of Information Theory, section 8.4; Misra, Singh & Demchuk,
        Estimation of the entropy of a multivariate normal distribution (2005).
    """
    start = time.perf_counter()
    x, y = (_whitened(NormalScores(values)(values)) for values in (samples.x, samples.y))
    count, dim = len(x), x.shape[1] + y.shape[1]
    if count <= dim + 1:
        raise DataError(f"{count} samples in {dim} dimensions", "more samples", "method gaussian")
    left, correlations, right = np.linalg.svd(x.T @ y / (count - 1), full_matrices=False)
    unexplained = _unexplained(correlations)
    if samples.block == 1:
        u, v = x @ left, y @ right.T
        terms = -0.5 * (((u**2 + v**2 - 2 * correlations * u * v) / unexplained) - u**2 - v**2).sum(
            axis=1
        )
        bias = _bias(x.shape[1], count) + _bias(y.shape[1], count) - _bias(dim, count)
        mi = float(-0.5 * np.log(unexplained).sum() - 0.5 * bias)
        stderr = plug_in_stderr(terms, x.shape[1] * y.shape[1])
    else:

        def value_of(mask: NDArray[np.bool_]) -> float:
            sides = _whitened(x[mask]), _whitened(y[mask])
            values = np.linalg.svd(sides[0].T @ sides[1] / (mask.sum() - 1), compute_uv=False)
            return float(-0.5 * np.log(_unexplained(values)).sum())

        mi, stderr = block_jackknife(value_of, count, samples.block)
    ceiling = -0.5 * len(unexplained) * math.log(MIN_UNEXPLAINED)
    flags = value_flags(mi, stderr, ceiling=ceiling)
    if unexplained.min() <= MIN_UNEXPLAINED:
        # one side determines a direction of the other, so that the information is infinite
        flags = tuple(dict.fromkeys(("deterministic", *flags)))
    return Estimate(
        mi=mi,
        stderr=stderr,
        method="gaussian",
        ceiling=ceiling,
        flags=flags,
        n_test=count,
        seconds=time.perf_counter() - start,
    )


def _unexplained(correlations: Array) -> Array:
    """Returns the shares of variance that the correlations leave unexplained, at least :data:`MIN_UNEXPLAINED`."""
    return np.maximum(1 - correlations**2, MIN_UNEXPLAINED)


def _whitened(scores: Array) -> Array:
    """Returns uncorrelated coordinates of unit variance with the same span, without redundant columns."""
    centred = scores - scores.mean(axis=0)
    left, lengths, _ = np.linalg.svd(centred, full_matrices=False)
    kept = lengths > RANK_TOLERANCE * lengths[0]
    whitened: Array = left[:, kept] * math.sqrt(len(scores) - 1)
    return whitened


def _bias(dim: int, count: int) -> float:
    """Returns the expected log-determinant of a sample covariance minus the true log-determinant."""
    halves = (count - 1 - np.arange(dim)) / 2
    return float(digamma(halves).sum() - dim * math.log((count - 1) / 2))
