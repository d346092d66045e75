"""Mutual information of two discrete variables from the counts of their pairs of values."""

import math
import time

import numpy as np
from numpy.typing import NDArray
from scipy.stats import entropy

from ibtrain.backend.seeding import derive_seed
from ibtrain.mi.classical.jackknife import block_jackknife
from ibtrain.mi.result import Estimate, plug_in_stderr, value_flags

__all__ = ["jackknife_entropy", "plug_in"]

Symbols = NDArray[np.int64]

SHUFFLES = 16
"""Number of shuffled copies whose mean value is the baseline."""
MAX_BIAS_RATIO = 2.0
"""Ratio of the estimated bias to the sampling error above which the value is flagged."""


def plug_in(
    x: Symbols, y: Symbols, *, method: str = "plug-in", seed: int = 0, block: int = 1
) -> Estimate:
    r"""Estimates the mutual information of two discrete variables.

    .. math:: I = \hat H(X) + \hat H(Y) - \hat H(X, Y)

    with entropies by the jackknife (:func:`jackknife_entropy`). With only a few samples for each pair of values, a
    bias remains. It is estimated from a second correction, the mean value for samples with shuffled y, which
    corrects too much if x and y are dependent: half of the difference of both corrections is part of the standard
    error, and if it is by far the larger part, the value is flagged ``undersampled``.

    Args:
        x: Values of x, integers from 0, ``(n,)``.
        y: Values of y, integers from 0, ``(n,)``.
        method: Name of the method in the estimate.
        seed: Seeds the shuffles.
        block: Number of consecutive samples that may depend on each other. If it is above 1, the value is corrected,
            and its sampling error computed, by :func:`~ibtrain.mi.classical.jackknife.block_jackknife`.

    Returns:
        The value; apart from the correction it is at most the smaller entropy.

    References:
        Zahl, Jackknifing an index of diversity (1977); Roulston (Physica D 125, 1999), the standard error.
    """
    start = time.perf_counter()
    count = len(x)
    counts_x, counts_y = np.bincount(x), np.bincount(y)
    cells, inverse = np.unique(_cells(x, y), return_inverse=True)
    counts = np.bincount(inverse.reshape(-1), minlength=len(cells))
    terms = np.log(counts[inverse.reshape(-1)] * float(count)) - np.log(
        counts_x[x] * counts_y[y].astype(np.float64)
    )
    occupied = [int((table > 0).sum()) for table in (counts_x, counts_y, counts)]
    freedom = min((occupied[0] - 1) * (occupied[1] - 1), count)
    sampling = plug_in_stderr(terms, freedom)
    if block == 1:
        entropies = [jackknife_entropy(table) for table in (counts_x, counts_y, counts)]
        mi = entropies[0] + entropies[1] - entropies[2]
    else:
        mi, block_stderr = block_jackknife(lambda mask: _naive_mi(x[mask], y[mask]), count, block)
        sampling = max(sampling, block_stderr)
    randomness = np.random.default_rng(derive_seed(seed, "shuffles"))
    shuffled = np.mean([_naive_mi(x, randomness.permutation(y)) for _ in range(SHUFFLES)])
    bias = 0.5 * abs(float(terms.mean() - shuffled) - mi)
    stderr = math.hypot(sampling, bias)
    ceiling = float(min(entropy(counts_x), entropy(counts_y)))
    flags = value_flags(mi, stderr, ceiling=ceiling, is_entropy=True)
    if occupied[2] > count / 2 or bias > MAX_BIAS_RATIO * sampling:
        flags += ("undersampled",)
    return Estimate(
        mi=mi,
        stderr=stderr,
        method=method,
        ceiling=ceiling,
        flags=flags,
        n_test=count,
        seconds=time.perf_counter() - start,
    )


def jackknife_entropy(counts: NDArray[np.int64]) -> float:
    r"""Computes the entropy in nats without its bias of order 1/n, by leaving out one sample at a time.

    .. math:: n \hat H - \frac{n - 1}{n} \sum_i \hat H_{-i}

    Args:
        counts: Number of occurrences of each value.
    """
    counts = counts[counts > 0].astype(np.float64)
    count = counts.sum()
    if count < 2:
        return 0.0
    total = (counts * np.log(counts)).sum()
    fewer = counts - 1
    # the sum without one sample of each value
    totals = total - counts * np.log(counts) + fewer * np.log(np.maximum(fewer, 1))
    left_out = math.log(count - 1) - totals / (count - 1)
    entropy = math.log(count) - total / count
    return float(count * entropy - (count - 1) / count * (counts * left_out).sum())


def _naive_mi(x: Symbols, y: Symbols) -> float:
    pairs = np.unique(_cells(x, y), return_counts=True)[1]
    return float(entropy(np.bincount(x)) + entropy(np.bincount(y)) - entropy(pairs))


def _cells(x: Symbols, y: Symbols) -> Symbols:
    """Returns a different number for each pair of values."""
    cells: Symbols = x * (y.max() + 1) + y
    return cells
