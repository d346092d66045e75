"""The closed form for jointly Gaussian vectors."""

import math
import time

import numpy as np
from scipy.special import digamma

from ibtrain.errors import DataError
from ibtrain.mi.marginals import Standardised
from ibtrain.mi.result import Estimate, flags_of, plug_in_stderr
from ibtrain.mi.samples import Samples

__all__ = ["gaussian"]


def gaussian(samples: Samples) -> Estimate:
    r"""Mutual information if x and y were jointly Gaussian, from their covariance.

    .. math:: I = \frac12 \log \frac{|\Sigma_x| |\Sigma_y|}{|\Sigma|}

    with the sampling bias of each log-determinant, :math:`\sum_{i<d} \psi(\frac{n-1-i}2) - d \log
    \frac{n-1}2`, taken off. For other distributions it is what a linear reader could know, neither
    an upper nor a lower bound.

    Args:
        samples: Continuous x and y.

    Returns:
        The value, and the standard error of the mean log-ratio.

    Raises:
        DataError: There are not more samples than dimensions.

    References:
        Cover & Thomas, Elements of Information Theory, section 8.4; Misra, Singh & Demchuk,
        Estimation of the entropy of a multivariate normal distribution (2005).
    """
    start = time.perf_counter()
    x, y = (Standardised(part)(part) for part in (samples.x, samples.y))
    both = np.hstack([x, y])
    count, dim = both.shape
    if count <= dim + 1:
        raise DataError(f"{count} samples in {dim} dimensions", "more samples", "method gaussian")
    terms = np.zeros(count)
    mi = 0.0
    for part, sign in ((x, 1), (y, 1), (both, -1)):
        cholesky = np.linalg.cholesky(part.T @ part / (count - 1))
        solved = np.linalg.solve(cholesky, part.T)
        log_det = 2 * np.log(np.diag(cholesky)).sum()
        mi += 0.5 * sign * (log_det - _bias(part.shape[1], count))
        terms += 0.5 * sign * (solved**2).sum(axis=0)
    stderr = plug_in_stderr(float(terms.var()), count, x.shape[1] * y.shape[1])
    return Estimate(
        mi=float(mi),
        stderr=stderr,
        method="gaussian",
        ceiling=math.inf,
        flags=flags_of(float(mi), stderr),
        n_test=count,
        seconds=time.perf_counter() - start,
    )


def _bias(dim: int, count: int) -> float:
    """Expected log-determinant of a sample covariance, less the truth."""
    halves = (count - 1 - np.arange(dim)) / 2
    return float(digamma(halves).sum() - dim * math.log((count - 1) / 2))
