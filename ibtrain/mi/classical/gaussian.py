"""The closed form for jointly Gaussian vectors."""

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
"""Standard deviation of a direction, as a share of the largest, below which it is a sum of others, rounded."""
SMALLEST_REST = 1e-12
"""Share of unexplained variance that float64 can still tell from none."""


def gaussian(samples: Samples) -> Estimate:
    r"""Mutual information if the normal scores of x and y were jointly Gaussian, from their covariance.

    .. math:: I = \frac12 \log \frac{|\Sigma_x| |\Sigma_y|}{|\Sigma|}
        = -\frac12 \sum_i \log(1 - \rho_i^2)

    for the canonical correlations :math:`\rho_i`, with the sampling bias of each log-determinant, :math:`\sum_{i<d} \psi(\frac{n-1-i}2) - d \log
    \frac{n-1}2`, taken off. Each coordinate is mapped to its normal score first, which leaves mutual
    information as it is and undoes any monotone distortion. For other dependences it is what a linear
    reader of the scores could know, neither an upper nor a lower bound.

    Args:
        samples: Continuous x and y.

    Returns:
        The value, and the standard error of the mean log-ratio; of samples in blocks, both by
        :func:`~ibtrain.mi.classical.jackknife.block_jackknife`.

    Raises:
        DataError: If there are not more samples than dimensions, redundant ones not counted.

    References:
        Cover & Thomas, Elements of Information Theory, section 8.4; Misra, Singh & Demchuk,
        Estimation of the entropy of a multivariate normal distribution (2005).
    """
    start = time.perf_counter()
    x, y = (_whitened(NormalScores(part)(part)) for part in (samples.x, samples.y))
    count, dim = len(x), x.shape[1] + y.shape[1]
    if count <= dim + 1:
        raise DataError(f"{count} samples in {dim} dimensions", "more samples", "method gaussian")
    left, correlations, right = np.linalg.svd(x.T @ y / (count - 1), full_matrices=False)
    rest = _unexplained(correlations)
    if samples.block == 1:
        u, v = x @ left, y @ right.T
        terms = -0.5 * (((u**2 + v**2 - 2 * correlations * u * v) / rest) - u**2 - v**2).sum(axis=1)
        excess = _bias(x.shape[1], count) + _bias(y.shape[1], count) - _bias(dim, count)
        mi = float(-0.5 * np.log(rest).sum() - 0.5 * excess)
        stderr = plug_in_stderr(terms, x.shape[1] * y.shape[1])
    else:

        def value_of(kept: NDArray[np.bool_]) -> float:
            sides = _whitened(x[kept]), _whitened(y[kept])
            values = np.linalg.svd(sides[0].T @ sides[1] / (kept.sum() - 1), compute_uv=False)
            return float(-0.5 * np.log(_unexplained(values)).sum())

        mi, stderr = block_jackknife(value_of, count, samples.block)
    ceiling = -0.5 * len(rest) * math.log(SMALLEST_REST)
    flags = value_flags(mi, stderr, ceiling=ceiling)
    if rest.min() <= SMALLEST_REST:
        # one side determines a direction of the other, and that alone makes the information infinite
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
    """Share of the variance that canonical correlations leave, at least what float64 can tell from none."""
    return np.maximum(1 - correlations**2, SMALLEST_REST)


def _whitened(scores: Array) -> Array:
    """Uncorrelated coordinates of unit variance that span the same; redundant columns are left out."""
    centred = scores - scores.mean(axis=0)
    left, lengths, _ = np.linalg.svd(centred, full_matrices=False)
    kept = lengths > RANK_TOLERANCE * lengths[0]
    whitened: Array = left[:, kept] * math.sqrt(len(scores) - 1)
    return whitened


def _bias(dim: int, count: int) -> float:
    """Expected log-determinant of a sample covariance, less the truth."""
    halves = (count - 1 - np.arange(dim)) / 2
    return float(digamma(halves).sum() - dim * math.log((count - 1) / 2))
