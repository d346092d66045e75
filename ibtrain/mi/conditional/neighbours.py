"""Nearest-neighbour estimates of conditional mutual information for a continuous z."""

import math
import time

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from ibtrain.backend.seeding import derive_seed
from ibtrain.checks import check_integer
from ibtrain.errors import DataError
from ibtrain.mi.classical.ksg import MIN_NEIGHBOURHOODS
from ibtrain.mi.classical.neighbours import count_within, nearest
from ibtrain.mi.classical.subsamples import (
    SIGNIFICANT_RISE,
    Value,
    remaining_bias,
    sampling_error_and_rise,
)
from ibtrain.mi.conditional.samples import ConditionalSamples, indicators
from ibtrain.mi.marginals import spread_scores
from ibtrain.mi.result import Estimate, value_flags
from ibtrain.mi.samples import Side

__all__ = ["conditional_ksg"]

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

CLASS_DISTANCE = 100.0
"""Distance between two classes: larger than any distance between normal scores."""
MAX_RADIUS = 0.5
"""Median distance to the k-th neighbour, in standard deviations of a coordinate, above which the value says nothing: in 5 +
5 + 5 dimensions (1.2 with 2,000 samples) it is near zero for 0.72 nats, with any number of samples that one may have, so
that its change with this number does not show the bias."""
MAX_ALONE = 0.01
"""Share of samples without another sample of the same classes above which the value is flagged."""


def conditional_ksg(samples: ConditionalSamples, *, k: int = 5, seed: int = 0) -> Estimate:
    r"""Estimates conditional mutual information by nearest neighbours, after Frenzel and Pompe.

    For each sample, the distance to its k-th neighbour in the joint space of (x, y, z) is the largest of the distances
    in x, in y and in z. With the numbers of samples strictly nearer than this in (x, z), in (y, z) and in z,

    .. math:: I = \psi(k) - \langle \psi(n_{xz} + 1) + \psi(n_{yz} + 1) - \psi(n_z + 1) \rangle

    Samples of different classes of a discrete x or y are farther from each other than any others (Mesner and Shalizi):
    the neighbours of a sample have the same class.

    Coordinates are mapped to normal scores, and the standard error consists of the sampling error and of the bias that
    is estimated from the change between half of the samples and all, as in
    :func:`~ibtrain.mi.classical.ksg.ksg`; a significant change is flagged ``undersampled``. In many dimensions
    neighbours are far away, and the value is near zero whatever the truth: this is flagged too.

    Args:
        samples: x and y, each continuous or discrete, and a continuous z.
        k: Number of neighbours.
        seed: Seeds the parts and the breaking of ties.

    Returns:
        The value and its standard error.

    Raises:
        ConfigError: If ``k`` is out of range.
        DataError: If there are too few samples, or too few of every class.

    References:
        Frenzel & Pompe (Phys. Rev. Lett. 99, 204101, 2007), eq. 5; Mesner & Shalizi (arXiv 1912.00387), discrete x
        and y.
    """
    check_integer("k", k, 1)
    start = time.perf_counter()
    count, fewest = len(samples), MIN_NEIGHBOURHOODS * (k + 2)
    if count < fewest:
        raise DataError(f"{count} samples", f"at least {fewest}", f"ksg with k={k}")
    randomness = np.random.default_rng(derive_seed(seed, "ksg"))
    x, y, z = (_coordinates(side, randomness) for side in (samples.x, samples.y, samples.z))
    cells = _cells(samples)
    alone = float((np.bincount(cells)[cells] == 1).mean())
    if alone > 0.5:
        expected = "several samples of most pairs of classes"
        raise DataError("classes that hardly recur", expected, "ksg with classes")
    value = _value_of(x, y, z, cells, k, samples.block)
    mi = value(np.arange(count))
    sampling, rise = sampling_error_and_rise(value, mi, count, samples.block, randomness)
    if not math.isfinite(mi + sampling + rise):
        expected = "several samples of each class, more than a block of rows apart"
        raise DataError("classes that hardly recur", expected, "ksg with classes")
    # unlike without a condition, neighbours that are too far away may also give too high a value
    bias = remaining_bias(abs(rise), sampling, samples.dim)
    stderr = math.hypot(sampling, bias)
    ceiling = float(digamma(count) - digamma(k))
    is_entropy = samples.entropy is not None and samples.entropy < ceiling
    ceiling = samples.entropy if is_entropy and samples.entropy is not None else ceiling
    flags = value_flags(mi, stderr, ceiling=ceiling, is_entropy=is_entropy)
    radius, _ = _radii(np.hstack([x, y, z]), cells, k, samples.block)
    is_far = np.median(radius) > MAX_RADIUS
    if is_far or alone > MAX_ALONE or abs(rise) > SIGNIFICANT_RISE * sampling:
        flags += ("undersampled",)
    return Estimate(
        mi=mi,
        stderr=stderr,
        method="ksg",
        ceiling=ceiling,
        flags=flags,
        n_test=count,
        seconds=time.perf_counter() - start,
        systematic=bias,
    )


def _coordinates(side: Side, randomness: np.random.Generator) -> Array:
    if side.classes is not None:
        return indicators(side, CLASS_DISTANCE)
    return spread_scores(side.numbers(), randomness)


def _cells(samples: ConditionalSamples) -> Labels:
    """A number for each pair of classes of x and y; all 0 if both are continuous."""
    cells = np.zeros(len(samples), dtype=np.int64)
    for side in (samples.x, samples.y):
        if side.classes is not None:
            cells = cells * side.num_classes + side.labels()
    return np.unique(cells, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _value_of(x: Array, y: Array, z: Array, cells: Labels, k: int, block: int) -> Value:
    return lambda rows: _frenzel_pompe(x[rows], y[rows], z[rows], cells[rows], k, block)


def _frenzel_pompe(x: Array, y: Array, z: Array, cells: Labels, k: int, block: int) -> float:
    radius, neighbours = _radii(np.hstack([x, y, z]), cells, k, block)
    # without a neighbour of the same classes there is no value
    finite = np.isfinite(radius)
    if not finite.any():
        return math.nan
    reach = np.where(finite, radius, 1.0)
    spaces = (np.hstack([x, z]), np.hstack([y, z]), z)
    in_xz, in_yz, in_z = (
        digamma(count_within(space, reach, block, inclusive=False) + 1) for space in spaces
    )
    terms = digamma(neighbours) - in_xz - in_yz + in_z
    return float(terms[finite].mean())


def _radii(joint: Array, cells: Labels, k: int, block: int) -> tuple[Array, Array]:
    """Distance to the k-th neighbour of the same classes, or to the last one if there are fewer, and their number."""
    radius, neighbours = np.full((2, len(joint)), np.inf)
    for cell in np.unique(cells):
        rows = np.flatnonzero(cells == cell)
        if len(rows) > 1:
            neighbours[rows] = min(k, len(rows) - 1)
            distances, _ = nearest(joint[rows], min(k, len(rows) - 1), block, rows)
            radius[rows] = distances[:, -1]
    return radius, neighbours
