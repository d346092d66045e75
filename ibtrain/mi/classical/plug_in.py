"""Mutual information of two discrete variables from the counts of their pairs of values."""

import math
import time

import numpy as np
from numpy.typing import NDArray
from scipy.stats import entropy

from ibtrain.backend.seeding import derive_seed
from ibtrain.mi.classical.jackknife import block_jackknife
from ibtrain.mi.result import Estimate, plug_in_stderr, value_flags

__all__ = ["jackknife_entropy", "plug_in", "shuffle_within"]

Symbols = NDArray[np.int64]

SHUFFLES = 16
"""Number of shuffled copies whose mean value is the baseline."""
MAX_TABLE = 8
"""Largest number, as a multiple of the samples, up to which a table of all possible cells is faster than sorting."""
MAX_BIAS_RATIO = 2.0
"""Ratio of the estimated bias to the sampling error above which the value is flagged."""


def plug_in(
    x: Symbols,
    y: Symbols,
    z: Symbols | None = None,
    *,
    method: str = "plug-in",
    seed: int = 0,
    block: int = 1,
) -> Estimate:
    r"""Estimates the mutual information of two discrete variables, alone or given a third one.

    .. math:: I(X; Y) &= \hat H(X) + \hat H(Y) - \hat H(X, Y) \\
        I(X; Y \mid Z) &= \hat H(X, Z) + \hat H(Y, Z) - \hat H(X, Y, Z) - \hat H(Z)

    with entropies by the jackknife (:func:`jackknife_entropy`). With only a few samples for each pair of values, a
    bias remains. It is estimated from a second correction, the mean value for samples with shuffled y (among samples
    with the same z), which corrects too much if x and y are dependent: half of the difference of both corrections is
    part of the standard error, and if it is by far the larger part, the value is flagged ``undersampled``.

    Args:
        x: Values of x, integers from 0, ``(n,)``.
        y: Values of y, integers from 0, ``(n,)``.
        z: Values of z, integers from 0, ``(n,)``; None does not condition.
        method: Name of the method in the estimate.
        seed: Seeds the shuffles.
        block: Number of consecutive samples that may depend on each other. If it is above 1, the value is corrected,
            and its sampling error computed, by :func:`~ibtrain.mi.classical.jackknife.block_jackknife`.

    Returns:
        The value; apart from the correction it is at most the smaller entropy (given z), the ceiling.

    References:
        Zahl, Jackknifing an index of diversity (1977); Roulston (Physica D 125, 1999), the standard error.
    """
    start = time.perf_counter()
    count = len(x)
    z = np.zeros(count, dtype=np.int64) if z is None else z
    xz, yz = _cells(z, x), _cells(z, y)
    tables = [np.unique(cells, return_inverse=True)[1].reshape(-1) for cells in (xz, yz, z)]
    tables.append(np.unique(_cells(tables[0], y), return_inverse=True)[1].reshape(-1))
    counts_xz, counts_yz, counts_z, counts = (np.bincount(table) for table in tables)
    of_xz, of_yz, of_z, of_cell = (np.bincount(table)[table].astype(float) for table in tables)
    terms = np.log(of_cell * of_z) - np.log(of_xz * of_yz)
    freedom = min(_freedom(tables), count)
    sampling = plug_in_stderr(terms, freedom)
    if block == 1:
        h_xz, h_yz, h_xyz, h_z = map(jackknife_entropy, (counts_xz, counts_yz, counts, counts_z))
        mi = h_xz + h_yz - h_xyz - h_z
    else:
        mi, block_stderr = block_jackknife(
            lambda mask: _naive_mi(x[mask], y[mask], z[mask]), count, block
        )
        sampling = max(sampling, block_stderr)
    randomness = np.random.default_rng(derive_seed(seed, "shuffles"))
    shuffled = np.mean([_naive_mi(x, shuffle_within(y, z, randomness), z) for _ in range(SHUFFLES)])
    bias = 0.5 * abs(float(terms.mean() - shuffled) - mi)
    stderr = math.hypot(sampling, bias)
    ceiling = float(min(entropy(counts_xz), entropy(counts_yz)) - entropy(counts_z))
    flags = value_flags(mi, stderr, ceiling=ceiling, is_entropy=True)
    if len(counts) > count / 2 or bias > MAX_BIAS_RATIO * sampling:
        flags += ("undersampled",)
    return Estimate(
        mi=mi,
        stderr=stderr,
        method=method,
        ceiling=ceiling,
        flags=flags,
        n_test=count,
        seconds=time.perf_counter() - start,
        systematic=bias,
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


def shuffle_within(y: Symbols, z: Symbols, randomness: np.random.Generator) -> Symbols:
    """Shuffles y among the samples with the same z, which makes x and y independent given z.

    Args:
        y: Values of y, ``(n,)``.
        z: Values of z, ``(n,)``.
        randomness: Random generator of the order.
    """
    shuffled = np.empty_like(y)
    # both orders have the same classes in the same places
    shuffled[np.argsort(z, kind="stable")] = y[np.lexsort((randomness.random(len(y)), z))]
    return shuffled


def _freedom(tables: list[Symbols]) -> int:
    """Number of parameters of the dependence of x and y given z: one less value of each for every z."""
    xz, yz, z, _ = tables
    values_x, values_y = (
        np.bincount(z[np.unique(pairs, return_index=True)[1]]) for pairs in (xz, yz)
    )
    return int(((values_x - 1) * (values_y - 1)).sum())


def _naive_mi(x: Symbols, y: Symbols, z: Symbols) -> float:
    xz, yz = _cells(z, x), _cells(z, y)
    h_xz, h_yz, h_z, h_xyz = (entropy(_counts(cells)) for cells in (xz, yz, z, _cells(xz, y)))
    return float(h_xz + h_yz - h_xyz - h_z)


def _counts(cells: Symbols) -> Symbols:
    """How often the values occur; values that do not occur may count as 0."""
    if cells.max() < MAX_TABLE * len(cells):
        return np.bincount(cells)
    counts: Symbols = np.unique(cells, return_counts=True)[1]
    return counts


def _cells(x: Symbols, y: Symbols) -> Symbols:
    """Returns a different number for each pair of values."""
    cells: Symbols = x * (y.max() + 1) + y
    return cells
