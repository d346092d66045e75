"""Mutual information of two discrete variables from how often each pair of values occurs."""

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
"""Shuffled copies whose mean value is the baseline."""
BIASED = 2.0
"""Standard errors of sampling that the estimated bias may have before it is flagged."""


def plug_in(
    x: Symbols, y: Symbols, *, method: str = "plug-in", seed: int = 0, block: int = 1
) -> Estimate:
    r"""Mutual information of two discrete variables.

    .. math:: I = \hat H(X) + \hat H(Y) - \hat H(X, Y)

    with entropies by the jackknife (:func:`jackknife_entropy`). With fewer than a few samples for
    each pair of values a bias remains. It is estimated from a second correction, the mean value of
    samples with shuffled y, which takes off too much where x and y depend on each other: half of the
    difference of both is part of the standard error, and where it is the larger part by far the value is
    flagged ``undersampled``.

    Args:
        x: Values from 0, ``(n,)``.
        y: The same of y.
        method: What the estimate calls itself.
        seed: Seeds the shuffles.
        block: Consecutive samples that may depend on each other: the value is then corrected, and its sampling
            error computed, by :func:`~ibtrain.mi.classical.jackknife.block_jackknife`.

    Returns:
        The value, never above the smaller entropy but for the correction.

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
    occupied = [int((part > 0).sum()) for part in (counts_x, counts_y, counts)]
    freedom = min((occupied[0] - 1) * (occupied[1] - 1), count)
    sampling = plug_in_stderr(terms, freedom)
    if block == 1:
        entropies = [jackknife_entropy(part) for part in (counts_x, counts_y, counts)]
        mi = entropies[0] + entropies[1] - entropies[2]
    else:
        mi, of_blocks = block_jackknife(lambda kept: _naive(x[kept], y[kept]), count, block)
        sampling = max(sampling, of_blocks)
    randomness = np.random.default_rng(derive_seed(seed, "shuffles"))
    shuffled = np.mean([_naive(x, randomness.permutation(y)) for _ in range(SHUFFLES)])
    bias = 0.5 * abs(float(terms.mean() - shuffled) - mi)
    stderr = math.hypot(sampling, bias)
    ceiling = float(min(entropy(counts_x), entropy(counts_y)))
    flags = value_flags(mi, stderr, ceiling=ceiling, is_entropy=True)
    if occupied[2] > count / 2 or bias > BIASED * sampling:
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
    r"""Entropy in nats, with the bias of order 1/n taken off by leaving out one sample at a time.

    .. math:: n \hat H - \frac{n - 1}{n} \sum_i \hat H_{-i}

    Args:
        counts: How often each value occurs.
    """
    counts = counts[counts > 0].astype(np.float64)
    count = counts.sum()
    if count < 2:
        return 0.0
    total = (counts * np.log(counts)).sum()
    fewer = counts - 1
    # what the sum becomes when a sample of each value is left out
    totals = total - counts * np.log(counts) + fewer * np.log(np.maximum(fewer, 1))
    left_out = math.log(count - 1) - totals / (count - 1)
    entropy = math.log(count) - total / count
    return float(count * entropy - (count - 1) / count * (counts * left_out).sum())


def _naive(x: Symbols, y: Symbols) -> float:
    pairs = np.unique(_cells(x, y), return_counts=True)[1]
    return float(entropy(np.bincount(x)) + entropy(np.bincount(y)) - entropy(pairs))


def _cells(x: Symbols, y: Symbols) -> Symbols:
    """One number for each pair."""
    cells: Symbols = x * (y.max() + 1) + y
    return cells
