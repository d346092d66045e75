"""Nearest-neighbour estimators, which fit no model and are most accurate in few dimensions."""

import math
import time

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from ibtrain.backend.seeding import derive_seed
from ibtrain.checks import check_choice, check_integer
from ibtrain.errors import DataError
from ibtrain.mi.classical.neighbours import close_rows, count_within, nearest
from ibtrain.mi.classical.subsamples import (
    SIGNIFICANT_RISE,
    Value,
    remaining_bias,
    sampling_error_and_rise,
)
from ibtrain.mi.marginals import spread_scores
from ibtrain.mi.result import Estimate, value_flags
from ibtrain.mi.samples import Samples

__all__ = ["ksg"]

Array = NDArray[np.float64]

VARIANTS = ("1", "2")
MIN_NEIGHBOURHOODS = 10
"""Minimum number of samples, as a multiple of a neighbourhood of k + 2 samples."""
MAX_RARE_CLASS = 2
"""Largest number of samples of a class from which its density can't be estimated."""
MAX_RELATIVE_RADIUS = 0.25
"""Distance to the k-th neighbour of the same class, in standard deviations of the class, above which the density varies
within the neighbourhood: the value of overlapping classes is then too high, by 0.04 of 1 nat (8 classes in 3
dimensions, 10 in 2)."""


def ksg(samples: Samples, *, k: int = 5, variant: str = "1", seed: int = 0) -> Estimate:
    r"""Estimates mutual information with the Kraskov-Stögbauer-Grassberger method, or Ross's method for a label.

    For each sample, the distance to its k-th neighbour in the joint space is the larger of the distances in x and in
    y. Variant 1 counts the :math:`n_x` samples strictly nearer than this in x, and the :math:`n_y` in y:

    .. math:: I = \psi(k) + \psi(n) - \langle \psi(n_x + 1) + \psi(n_y + 1) \rangle

    Variant 2 uses the smallest rectangle that contains the k neighbours:

    .. math:: I = \psi(k) - \tfrac1k + \psi(n) - \langle \psi(n_x) + \psi(n_y) \rangle

    For a label, :math:`I = \psi(n) + \psi(k) - \langle \psi(N_y) + \psi(m) \rangle`, where :math:`N_y`
    samples have the same class, and m samples of any class are at most as far away as the k-th neighbour of the same
    class.

    Coordinates are mapped to their normal scores, with ties broken
    (:func:`~ibtrain.mi.marginals.spread_scores`), which preserves mutual information: neither outliers nor
    rounding change the value.

    The standard error combines two errors in quadrature. The first is the sampling error, from the spread of the
    values of disjoint parts. The second is the remaining bias with n samples, from the rise r of the value
    between n/2 and n samples: in d dimensions the distance to a neighbour, and with it the bias for densities with
    edges, decreases as :math:`n^{-1/d}`, so that :math:`r / (2^{1/d} - 1)` remains. (For smooth densities the bias
    is smaller.) A significant rise is flagged ``undersampled``; labels are also flagged if the neighbours of the
    same class are far away, as the rise does not show the bias in this case.

    If the samples come in blocks of dependent rows, rows less than a block apart are not neighbours
    (Theiler's window), and the parts consist of consecutive rows.

    Args:
        samples: Continuous x, and y continuous or a label.
        k: Number of neighbours.
        variant: Variant of the estimator, ``1`` or ``2``.
        seed: Seeds the parts and the breaking of ties.

    Returns:
        The value and its standard error.

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
    fewest = MIN_NEIGHBOURHOODS * (k + 2)
    if len(samples) < fewest:
        raise DataError(f"{len(samples)} samples", f"at least {fewest}", f"ksg with k={k}")
    block = samples.block
    # a separate random stream: the samples may have been drawn with the same seed
    randomness = np.random.default_rng(derive_seed(seed, "ksg"))
    x = spread_scores(samples.x, randomness)
    labels = samples.labels
    if labels is None:
        y = spread_scores(samples.y, randomness)
        dim, value = x.shape[1] + y.shape[1], _kraskov_of(x, y, k, variant, block)
    else:
        dim, value = x.shape[1], _ross_of(x, labels, k, block)
    mi = value(np.arange(len(x)))
    sampling, rise = sampling_error_and_rise(value, mi, len(x), block, randomness)
    if not math.isfinite(mi + sampling + rise):
        expected = "several samples of each class, more than a block of rows apart"
        raise DataError("labels that hardly recur", expected, "ksg with labels")
    bias = remaining_bias(rise, sampling, dim)
    stderr = math.hypot(sampling, bias)
    # distances to neighbours can't give more than ψ(n) - ψ(k)
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
        systematic=bias,
    )


def _kraskov_of(x: Array, y: Array, k: int, variant: str, block: int) -> Value:
    return lambda rows: _kraskov(x[rows], y[rows], k, variant, block)


def _ross_of(x: Array, labels: NDArray[np.int64], k: int, block: int) -> Value:
    if (np.bincount(labels)[labels] > MAX_RARE_CLASS).mean() < 0.5:
        given = "labels that hardly recur"
        raise DataError(given, "several samples of most classes", "ksg with labels")
    return lambda rows: _ross(x[rows], labels[rows], k, block)


def _kraskov(x: Array, y: Array, k: int, variant: str, block: int) -> float:
    distances, neighbours = nearest(np.hstack([x, y]), k, block)
    # rows within the block are not neighbours and are missing from the counts
    absent = _absent(np.arange(len(x)), block)
    if variant == "1":
        radius = distances[:, -1]
        counts = sum(
            digamma(count_within(side, radius, block, inclusive=False) + 1) for side in (x, y)
        )
        return float(np.mean(digamma(len(x) - absent) - counts) + digamma(k))
    counts = 0
    for side in (x, y):
        radius = np.abs(side[neighbours] - side[:, None]).max(axis=(1, 2))
        counts = counts + digamma(count_within(side, radius, block, inclusive=True).clip(min=1))
    return float(np.mean(digamma(len(x) - absent) - counts) + digamma(k) - 1 / k)


def _absent(rows: NDArray[np.intp], block: int) -> NDArray[np.intp]:
    """Counts the other samples less than a block of rows away from each sample."""
    first, last = close_rows(rows, block)
    counts: NDArray[np.intp] = last - first - 1
    return counts


def _relative_reach(x: Array, labels: NDArray[np.int64], k: int) -> float:
    """Computes the median distance to the k-th neighbour of the same class, in standard deviations of the class."""
    reaches = []
    for label in np.unique(labels):
        members = x[labels == label]
        if len(members) > k:
            reaches.append(nearest(members, k)[0][:, -1] / members.std(axis=0).mean())
    return float(np.median(np.concatenate(reaches))) if reaches else math.inf


def _ross(x: Array, labels: NDArray[np.int64], k: int, block: int) -> float:
    """Computes Ross's estimate; classes with a single sample have no neighbour of the same class and are left out."""
    sizes = np.bincount(labels)
    recurs = sizes[labels] > 1
    x, labels = x[recurs], labels[recurs]
    radius = np.empty(len(x))
    neighbours = np.empty(len(x))
    class_others = np.empty(len(x))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        class_others[rows] = len(rows) - 1 - _absent(rows, block)
        neighbours[rows] = min(k, len(rows) - 1)
        distances, _ = nearest(x[rows], min(k, len(rows) - 1), block, rows)
        radius[rows] = distances[:, -1]
    within = count_within(x, radius, block, inclusive=True)
    absent = _absent(np.arange(len(x)), block)
    terms = (
        digamma(len(x) - absent) + digamma(neighbours) - digamma(class_others + 1) - digamma(within)
    )
    # the radius is infinite if the whole class lies within the block
    finite = terms[np.isfinite(radius)]
    return float(finite.mean()) if len(finite) else math.nan
