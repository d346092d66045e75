"""Nearest-neighbour estimators: they fit nothing, and are at their best in few dimensions."""

import math
import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from ibtrain.backend.seeding import derive_seed
from ibtrain.checks import check_choice, check_integer
from ibtrain.errors import DataError
from ibtrain.mi.classical.neighbours import close_rows, count_within, nearest
from ibtrain.mi.marginals import spread_scores
from ibtrain.mi.result import Estimate, value_flags
from ibtrain.mi.samples import Samples

__all__ = ["ksg"]

Array = NDArray[np.float64]
Rows = NDArray[np.intp]
Value = Callable[[Rows], float]

VARIANTS = ("1", "2")
FEWEST_PARTS = 10
"""Samples must suffice for so many parts with k neighbours each."""
FEWEST_RECURRING = 2
"""Samples of a class that tell nothing of its density."""
PART = 500
"""Samples of each part whose values' spread gives the standard error. In parts of 100 the spread, scaled to all
samples, was a quarter too small."""
PARTS = 20
"""Parts, at least, so that the standard error is known to a sixth."""
BLOCKS_OF_PART = 5
"""Blocks in each of the parts whose spread gives the standard error, at least."""
RISE_NOISE = 0.5
"""Standard error of the rise from half of the samples to all, as a share of the value's own."""
SIGNIFICANT_RISE = 1.5
"""Rise, in standard errors of sampling, that is no chance any more: three of its own."""
MAX_RELATIVE_RADIUS = 0.25
"""Distance to the k-th neighbour of a class, in standard deviations of the class, within which densities vary: the
value of overlapping classes is then too high, by 0.04 of 1 nat (8 classes in 3 dimensions, 10 in 2)."""
SPLITS, SAMPLES_OF_SPLITS = (2, 10), 20_000
"""Divisions into halves, fewest and most, and samples in all of them together: the rise is their mean."""


def ksg(samples: Samples, *, k: int = 5, variant: str = "1", seed: int = 0) -> Estimate:
    r"""Kraskov, Stögbauer and Grassberger's estimator, or Ross's where y is a label.

    Variant 1 counts, within the distance of each sample's k-th neighbour in the joint space
    (the larger of the distances in x and in y), how many :math:`n_x` and :math:`n_y` are strictly
    nearer in either:

    .. math:: I = \psi(k) + \psi(n) - \langle \psi(n_x + 1) + \psi(n_y + 1) \rangle

    Variant 2 takes the smallest rectangle that holds the k neighbours:

    .. math:: I = \psi(k) - \tfrac1k + \psi(n) - \langle \psi(n_x) + \psi(n_y) \rangle

    For a label, :math:`I = \psi(n) + \psi(k) - \langle \psi(N_y) + \psi(m) \rangle`, where m samples
    of any class are as near as the k-th neighbour of the same class.

    Coordinates are mapped to their normal scores, with ties broken
    (:func:`~ibtrain.mi.marginals.spread_scores`), which leaves mutual information as it is: neither
    outliers nor rounding change the value.

    The standard error is the root of two squares. The first is the sampling error, from the spread of the
    values of disjoint parts. The second is the bias that is left with n samples, from the rise r of the value
    between n/2 and n samples: in d dimensions the distance to a neighbour, and with it the bias where
    densities have edges, shrinks as :math:`n^{-1/d}`, which leaves :math:`r / (2^{1/d} - 1)`. (Where they
    are smooth the bias is smaller.) A significant rise is flagged ``undersampled``; so are labels
    whose neighbours of the same class are far, of which the rise tells nothing.

    Where the samples come in blocks of dependent rows, rows less than a block apart are no neighbours
    (Theiler's window), and the parts are runs of consecutive rows.

    Args:
        samples: x, and y continuous or a label.
        k: Neighbours.
        variant: ``1`` or ``2``.
        seed: Seeds the parts and the breaking of ties.

    Returns:
        The value, and its standard error.

    Raises:
        ConfigError: If ``k`` or ``variant`` is out of range, or if there are too few blocks.
        DataError: If there are too few samples, or too few of every class.

    References:
        Kraskov et al. (arXiv cond-mat/0305641), eq. 8 and 9; Ross (PLoS ONE 9(2), 2014), eq. 2;
        Holmes & Nemenman (arXiv 1903.09280), the standard error from parts, and the dependence on n;
        Theiler (Phys. Rev. A 34, 1986), the window.
    """
    check_integer("k", k, 1)
    variant = str(variant)
    check_choice("variant", variant, VARIANTS)
    start = time.perf_counter()
    fewest = FEWEST_PARTS * (k + 2)
    if len(samples) < fewest:
        raise DataError(f"{len(samples)} samples", f"at least {fewest}", f"ksg with k={k}")
    block = samples.block
    # a stream of its own: the samples may have been drawn with the same seed
    randomness = np.random.default_rng(derive_seed(seed, "ksg"))
    x = spread_scores(samples.x, randomness)
    labels = samples.labels
    if labels is None:
        y = spread_scores(samples.y, randomness)
        dim, value = x.shape[1] + y.shape[1], _kraskov_of(x, y, k, variant, block)
    else:
        dim, value = x.shape[1], _ross_of(x, labels, k, block)
    mi = value(np.arange(len(x)))
    sampling, rise = _spread_and_rise(value, mi, len(x), block, randomness)
    if not math.isfinite(mi + sampling + rise):
        expected = "several samples of each class, more than a block of rows apart"
        raise DataError("labels that hardly recur", expected, "ksg with labels")
    bias = _remaining_bias(rise, sampling, dim)
    stderr = math.hypot(sampling, bias)
    # no neighbour's distance can tell more than ψ(n) - ψ(k) of it
    ceiling = samples.label_entropy or float(digamma(len(x)) - digamma(k))
    flags = value_flags(mi, stderr, ceiling=ceiling, is_entropy=labels is not None)
    is_far = labels is not None and _relative_reach(x, labels, k) > MAX_RELATIVE_RADIUS
    if is_far or rise > SIGNIFICANT_RISE * sampling:
        flags += ("undersampled",)
    return Estimate(
        mi=mi,
        stderr=stderr,
        method="ksg",
        ceiling=ceiling,
        flags=flags,
        n_test=len(samples),
        seconds=time.perf_counter() - start,
    )


def _kraskov_of(x: Array, y: Array, k: int, variant: str, block: int) -> Value:
    return lambda rows: _kraskov(x[rows], y[rows], k, variant, block)


def _ross_of(x: Array, labels: NDArray[np.int64], k: int, block: int) -> Value:
    if (np.bincount(labels)[labels] > FEWEST_RECURRING).mean() < 0.5:
        given = "labels that hardly recur"
        raise DataError(given, "several samples of most classes", "ksg with labels")
    return lambda rows: _ross(x[rows], labels[rows], k, block)


def _spread_and_rise(
    value: Value, mi: float, count: int, block: int, randomness: np.random.Generator
) -> tuple[float, float]:
    """The sampling error of the value of all samples, and its rise above that of half of them."""
    if block > 1:
        # consecutive rows in each part: there is one such division, and no second one to average over
        parts = max(2, min(PARTS, count // (BLOCKS_OF_PART * block)))
        values = [value(rows) for rows in np.array_split(np.arange(count), parts)]
        halves = [value(rows) for rows in np.array_split(np.arange(count), 2)]
        return math.sqrt(_variance(values) / parts), mi - float(np.mean(halves))
    parts = max(2, count // PART)
    variances = []
    for _ in range(math.ceil(PARTS / parts)):
        values = list(_values_of_parts(value, count, parts, randomness))
        variances.append(_variance(values) / parts)
    splits = int(np.clip(SAMPLES_OF_SPLITS // count, *SPLITS))
    halves = [half for _ in range(splits) for half in _values_of_parts(value, count, 2, randomness)]
    return math.sqrt(np.mean(variances)), mi - float(np.mean(halves))


def _variance(values: list[float]) -> float:
    """Of the parts that have a value: those in which some class recurs."""
    known = [value for value in values if math.isfinite(value)]
    return float(np.var(known, ddof=1)) if len(known) > 1 else math.nan


def _values_of_parts(
    value: Value, count: int, parts: int, randomness: np.random.Generator
) -> Iterator[float]:
    return map(value, np.array_split(randomness.permutation(count), parts))


def _remaining_bias(rise: float, sampling: float, dim: int) -> float:
    """How far the value still has to rise, beyond what chance makes of the rise."""
    beyond_chance = rise**2 - (RISE_NOISE * sampling) ** 2
    if rise <= 0 or beyond_chance <= 0:
        return 0.0
    return math.sqrt(beyond_chance) / (2 ** (1 / dim) - 1)


def _kraskov(x: Array, y: Array, k: int, variant: str, block: int) -> float:
    distances, neighbours = nearest(np.hstack([x, y]), k, block)
    # rows within the block are no neighbours, and are missing from the counts
    absent = _absent(np.arange(len(x)), block)
    if variant == "1":
        radius = distances[:, -1]
        counts = sum(
            digamma(count_within(part, radius, block, inclusive=False) + 1) for part in (x, y)
        )
        return float(np.mean(digamma(len(x) - absent) - counts) + digamma(k))
    counts = 0
    for part in (x, y):
        radius = np.abs(part[neighbours] - part[:, None]).max(axis=(1, 2))
        counts = counts + digamma(count_within(part, radius, block, inclusive=True).clip(min=1))
    return float(np.mean(digamma(len(x) - absent) - counts) + digamma(k) - 1 / k)


def _absent(rows: NDArray[np.intp], block: int) -> NDArray[np.intp]:
    """How many other samples lie less than a block of rows away from each sample."""
    first, last = close_rows(rows, block)
    others: NDArray[np.intp] = last - first - 1
    return others


def _relative_reach(x: Array, labels: NDArray[np.int64], k: int) -> float:
    """The median distance to the k-th neighbour of the same class, in standard deviations of the class."""
    reaches = []
    for label in np.unique(labels):
        members = x[labels == label]
        if len(members) > k:
            reaches.append(nearest(members, k)[0][:, -1] / members.std(axis=0).mean())
    return float(np.median(np.concatenate(reaches))) if reaches else math.inf


def _ross(x: Array, labels: NDArray[np.int64], k: int, block: int) -> float:
    """Classes with a single sample have no neighbour of the same class, and are left out."""
    sizes = np.bincount(labels)
    kept = sizes[labels] > 1
    x, labels = x[kept], labels[kept]
    radius = np.empty(len(x))
    neighbours = np.empty(len(x))
    others = np.empty(len(x))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        others[rows] = len(rows) - 1 - _absent(rows, block)
        neighbours[rows] = min(k, len(rows) - 1)
        distances, _ = nearest(x[rows], min(k, len(rows) - 1), block, rows)
        radius[rows] = distances[:, -1]
    within = count_within(x, radius, block, inclusive=True)
    absent = _absent(np.arange(len(x)), block)
    terms = digamma(len(x) - absent) + digamma(neighbours) - digamma(others + 1) - digamma(within)
    # infinite where all of the class lies within the block
    known = terms[np.isfinite(radius)]
    return float(known.mean()) if len(known) else math.nan
