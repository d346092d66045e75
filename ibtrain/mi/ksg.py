"""Nearest-neighbour estimators: they fit nothing, and are at their best in few dimensions."""

import math
import time
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import digamma

from ibtrain.checks import check_choice, check_integer
from ibtrain.errors import DataError
from ibtrain.mi.marginals import Standardised
from ibtrain.mi.result import Estimate, flags_of
from ibtrain.mi.samples import Samples

__all__ = ["ksg"]

Array = NDArray[np.float64]

VARIANTS = ("1", "2")
PARTS = 10
"""Disjoint parts whose spread gives the standard error."""


def ksg(samples: Samples, *, k: int = 5, variant: str = "1", seed: int = 0) -> Estimate:
    r"""Kraskov, Stögbauer and Grassberger's estimator, or Ross's where y is a label.

    Variant 1 counts, within the distance of each sample's k-th neighbour in the joint space
    (the larger of the distances in x and in y), how many :math:`n_x` and :math:`n_y` are strictly
    nearer in either:

    .. math:: I = \psi(k) + \psi(n) - \langle \psi(n_x + 1) + \psi(n_y + 1) \rangle

    Variant 2 takes the smallest rectangle that holds the k neighbours:

    .. math:: I = \psi(k) - \tfrac1k + \psi(n) - \langle \psi(n_x) + \psi(n_y) \rangle

    For a label, :math:`I = \psi(n) + \psi(k) - \langle \psi(N_y) + \psi(m) \rangle`, where m samples
    of any class are as near as the k-th neighbour of the own class. Where that neighbour is at no
    distance at all, k is the number of samples that are (as Gao et al. have it), so that discrete
    coordinates count as what they are. Coordinates are divided by their standard deviations.

    Args:
        samples: x, and y continuous or a label.
        k: Neighbours.
        variant: ``1`` or ``2``.
        seed: Of the parts that give the standard error.

    Returns:
        The value; its standard error is that of the mean over ten disjoint parts of the samples.

    Raises:
        ConfigError: ``k`` or ``variant`` is out of range.
        DataError: There are too few samples, or of every class.

    References:
        Kraskov et al. (arXiv cond-mat/0305641), eq. 8 and 9; Ross (PLoS ONE 9(2), 2014), eq. 2;
        Gao et al. (arXiv 1709.06212), algorithm 1, for repeated values;
        Holmes & Nemenman (arXiv 1903.09280), the standard error.
    """
    check_integer("k", k, 1)
    check_choice("variant", variant, VARIANTS)
    start = time.perf_counter()
    if len(samples) < PARTS * (k + 2):
        raise DataError(f"{len(samples)} samples", f"at least {PARTS * (k + 2)}", f"ksg with k={k}")
    x, y = (Standardised(part)(part) for part in (samples.x, samples.y))
    order = np.random.default_rng(seed).permutation(len(samples))

    def value(index: NDArray[np.intp]) -> float:
        if samples.labels is not None:
            return _ross(x[index], samples.labels[index], k)
        return _kraskov(x[index], y[index], k, variant)

    mi = value(order)
    parts = [value(part) for part in np.array_split(order, PARTS)]
    stderr = float(np.std(parts, ddof=1)) / math.sqrt(PARTS)
    # no neighbour's distance can tell more than ψ(n) - ψ(k) of it
    ceiling = samples.label_entropy or float(digamma(len(x)) - digamma(k))
    return Estimate(
        mi=mi,
        stderr=stderr,
        method="ksg",
        ceiling=ceiling,
        flags=flags_of(mi, stderr, ceiling=ceiling, is_entropy=samples.labels is not None),
        n_test=len(samples),
        seconds=time.perf_counter() - start,
    )


def _within(values: Array, radius: Array) -> NDArray[np.int64]:
    """How many other samples are at most so far, in the maximum norm."""
    tree = cKDTree(values)
    found = tree.query_ball_point(values, radius, p=np.inf, return_length=True)
    return cast(NDArray[np.int64], found) - 1


def _kraskov(x: Array, y: Array, k: int, variant: str) -> float:
    both = np.hstack([x, y])
    distance, neighbours = cKDTree(both).query(both, k + 1, p=np.inf)
    reach = distance[:, k]
    tied = reach == 0
    near = np.where(tied, _within(both, np.zeros(len(both))), k) if tied.any() else k
    if variant == "1":
        # strictly nearer, but where everything is at no distance
        counts = sum(digamma(_within(part, np.nextafter(reach, 0)) + 1) for part in (x, y))
        return float(digamma(len(x)) + np.mean(digamma(near) - counts))
    counts = 0
    for part in (x, y):
        radius = np.abs(part[neighbours[:, 1:]] - part[:, None]).max(axis=(1, 2))
        counts = counts + digamma(_within(part, radius).clip(min=1))
    correction = np.where(tied, 0, 1 / k)
    return float(digamma(len(x)) + np.mean(digamma(near) - correction - counts))


def _ross(x: Array, labels: NDArray[np.int64], k: int) -> float:
    """Classes with a single sample have no neighbour of their own, and are left out."""
    sizes = np.bincount(labels)
    kept = sizes[labels] > 1
    if not kept.any():
        raise DataError("labels that hardly recur", "several samples of a class", "ksg with labels")
    x, labels = x[kept], labels[kept]
    radius = np.empty(len(x))
    own_k = np.empty(len(x))
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        nearest = min(k, len(own) - 1)
        distance, _ = cKDTree(x[own]).query(x[own], nearest + 1, p=np.inf)
        radius[own] = distance[:, nearest]
        tied = distance[:, nearest] == 0
        own_k[own] = np.where(tied, _within(x[own], np.zeros(len(own))), nearest)
    within = _within(x, radius)
    terms = digamma(len(x)) + digamma(own_k) - digamma(sizes[labels]) - digamma(within)
    return float(terms.mean())
