r"""Entropy H(T) and information I(T; Y) of a layer whose activations are cut into bins, as in the first information planes."""

import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ibtrain.io.hashing import hash_rows
from ibtrain.mi.result import Estimate, plain_estimate

__all__ = [
    "BinnedLayer",
    "BinnedUnits",
    "bin_activations",
    "bin_as_idnns",
    "bin_by_size",
    "binned_layer",
    "binned_units",
]

Array = NDArray[np.float64]
Bins = NDArray[np.int32]
Codes = NDArray[np.int64]

UNITS_AT_ONCE = 256
"""Number of units whose terms are in memory at once."""
MAX_TABLE = 1 << 22
"""Maximum size of a table of counts; larger codes are sorted instead."""


@dataclass(frozen=True)
class BinnedLayer:
    """Plug-in values of a binned layer T, without any correction.

    Args:
        entropy: H(T), which is I(X; T) if every sample is a different x: a binned layer is a function of x.
        label: I(T; Y).
        distinct: Number of distinct values of T.
    """

    entropy: Estimate
    label: Estimate
    distinct: int


@dataclass(frozen=True)
class BinnedUnits:
    """Plug-in values of each unit of a binned layer by itself.

    Args:
        entropies: H(T_j) of each unit j in nats, ``(dim,)``.
        labels: I(T_j; Y) of each unit in nats, ``(dim,)``.
        entropy: Mean, smallest and largest H(T_j).
        label: Mean, smallest and largest I(T_j; Y).
    """

    entropies: Array
    labels: Array
    entropy: tuple[Estimate, Estimate, Estimate]
    label: tuple[Estimate, Estimate, Estimate]


def bin_activations(
    h: NDArray[np.floating], num_bins: int, low: float | None = None, high: float | None = None
) -> Bins:
    """The index of each activation's bin; bins have equal widths.

    Args:
        h: Activations, ``(n, dim)``.
        num_bins: Number of bins between ``low`` and ``high``; activations beyond them are in the outer bins.
        low: Lower end of the range; None is the smallest activation.
        high: Upper end of the range; None is the largest activation.

    Returns:
        Indices from 0, ``(n, dim)``.

    Example:
        >>> bin_activations(np.array([[-1.0, 0.1], [0.9, 5.0]]), 4, -1.0, 1.0)
        array([[0, 2],
               [3, 3]], dtype=int32)
    """
    low = float(h.min()) if low is None else low
    high = float(h.max()) if high is None else high
    inner = np.linspace(low, high, num_bins + 1)[1:-1]
    return np.searchsorted(inner, h, side="right").astype(np.int32)


def bin_by_size(h: NDArray[np.floating], size: float) -> Bins:
    r"""The index of each activation's bin, :math:`\lfloor h / s \rfloor`; the bins cover all numbers.

    Args:
        h: Activations, ``(n, dim)``.
        size: Width s of a bin, in the units of h.

    Returns:
        Indices, also negative ones, ``(n, dim)``; those beyond 32 bits are in the outer bins.

    References:
        Saxe et al., On the information bottleneck theory of deep learning (ICLR 2018), whose code ibsgd does so.

    Example:
        >>> bin_by_size(np.array([[-0.1, 0.4, 0.6]]), 0.5)
        array([[-1,  0,  1]], dtype=int32)
    """
    limits = np.iinfo(np.int32)
    # divided in the precision of h, as ibsgd does; clipped as float64, which holds the limits exactly
    cells = np.floor(h / size).astype(np.float64)
    bins: Bins = np.clip(cells, limits.min, limits.max).astype(np.int32)
    return bins


def bin_as_idnns(
    h: NDArray[np.floating], num_edges: int, low: float = -1.0, high: float = 1.0
) -> Bins:
    """The index of each activation's bin, as the library IDNNs counts bins.

    Its number of bins is the number of edges: there is one bin fewer between the ends, and one more for all activations
    at or above the upper end (a saturated tanh is 1 in float32) and below the lower end.

    Args:
        h: Activations, ``(n, dim)``.
        num_edges: Number of edges, which include both ends.
        low: Lower end.
        high: Upper end.

    Returns:
        Indices from 0, ``(n, dim)``.

    References:
        Shwartz-Ziv & Tishby (arXiv 1703.00810), whose code has 30 edges from -1 to 1.

    Example:
        >>> bin_as_idnns(np.array([[-1.0, -0.1, 0.9, 1.0, -3.0]]), 3)
        array([[0, 0, 1, 2, 2]], dtype=int32)
    """
    edges = np.linspace(low, high, num_edges).astype(h.dtype)
    bins = (np.searchsorted(edges, h, side="right") - 1).astype(np.int32)
    bins[bins < 0] = num_edges - 1
    return bins


def binned_layer(bins: Bins, labels: NDArray[np.int64]) -> BinnedLayer:
    r"""Plug-in values of the rows of bins.

    .. math:: H(T) = -\sum_t \hat p(t) \log \hat p(t), \qquad I(T; Y) = H(T) - \sum_c \hat p(c) H(T \mid c)

    In a wide layer nearly every sample has a row of bins of its own: then H(T) = ln N and I(T; Y) = H(Y) whatever
    the layer, and both values are flagged. For a deterministic network they measure how its activations cluster, and
    no information that could grow or shrink.

    Args:
        bins: Index of each activation's bin, ``(n, dim)``.
        labels: Class of each sample, from 0, ``(n,)``.

    Returns:
        The values in nats; their standard errors are those of sampling alone.

    References:
        Shwartz-Ziv & Tishby (arXiv 1703.00810), section 3; Geiger (arXiv 2003.09671), what the values mean.

    Example:
        >>> bins = np.array([[0, 1], [0, 1], [2, 1], [2, 2]], dtype=np.int32)
        >>> layer = binned_layer(bins, np.array([0, 0, 1, 1]))
        >>> layer.distinct, round(layer.entropy.mi, 4), round(layer.label.mi, 4)
        (3, 1.0397, 0.6931)
    """
    start = time.perf_counter()
    rows = np.unique(hash_rows(bins), return_inverse=True)[1].reshape(-1, 1)
    surprise, information = _terms(rows, labels)
    entropy = _estimate(surprise[:, 0], math.log(len(bins)), start, is_entropy=False)
    label = _estimate(information[:, 0], _label_entropy(labels), start, is_entropy=True)
    return BinnedLayer(entropy, label, int(rows.max()) + 1)


def binned_units(bins: Bins, labels: NDArray[np.int64]) -> BinnedUnits:
    r"""Plug-in values of each column of bins by itself, :math:`H(T_j)` and :math:`I(T_j; Y)`.

    A single unit has few bins, so that many samples share each of them: these values do not saturate as those of
    :func:`binned_layer` do.

    Args:
        bins: Index of each activation's bin, ``(n, dim)``.
        labels: Class of each sample, from 0, ``(n,)``.

    Returns:
        The values in nats; their standard errors are those of sampling alone.

    Example:
        >>> bins = np.array([[0, 1], [0, 1], [2, 1], [2, 2]], dtype=np.int32)
        >>> units = binned_units(bins, np.array([0, 0, 1, 1]))
        >>> units.entropies.round(4), units.labels.round(4)
        (array([0.6931, 0.5623]), array([0.6931, 0.2158]))
    """
    start = time.perf_counter()
    lowest = bins.min()
    levels = int(bins.max()) - int(lowest) + 1
    totals = np.zeros((2, len(bins)))
    values = []
    for first in range(0, bins.shape[1], UNITS_AT_ONCE):
        codes = bins[:, first : first + UNITS_AT_ONCE].astype(np.int64) - lowest
        terms = np.stack(_terms(codes + levels * np.arange(codes.shape[1]), labels))
        totals += terms.sum(axis=2)
        values.append(terms.mean(axis=1))
    by_unit = np.concatenate(values, axis=1)
    summaries = []
    for index, ceiling in enumerate((math.log(len(bins)), _label_entropy(labels))):
        ends = (by_unit[index].argmin(), by_unit[index].argmax())
        terms_of_ends = [_terms(bins[:, [j]].astype(np.int64) - lowest, labels) for j in ends]
        means, low, high = (
            _estimate(unit, ceiling, start, is_entropy=index == 1)
            for unit in (totals[index] / bins.shape[1], *(t[index][:, 0] for t in terms_of_ends))
        )
        summaries.append((means, low, high))
    return BinnedUnits(by_unit[0], by_unit[1], *summaries)


def _terms(codes: Codes, labels: NDArray[np.int64]) -> tuple[Array, Array]:
    """The terms whose means over the samples are H(T) and I(T; Y) of each column.

    Args:
        codes: Values of T from 0, ``(n, columns)``; no value occurs in two columns.
        labels: Class of each sample, ``(n,)``.
    """
    log_count = math.log(len(codes))
    # minus the logarithms of the frequencies of a sample's value, of its class, and of both together
    surprise = log_count - np.log(_frequencies(codes))
    class_surprise = log_count - np.log(_frequencies(labels))[:, None]
    pairs = codes * (labels.max() + 1) + labels[:, None]
    information = surprise + class_surprise - (log_count - np.log(_frequencies(pairs)))
    return surprise, information


def _frequencies(codes: Codes) -> Codes:
    """How often each entry occurs in the array."""
    if codes.max() < MAX_TABLE:
        counts: Codes = np.bincount(codes.reshape(-1))[codes]
        return counts
    _, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    return counts[inverse.reshape(codes.shape)]


def _label_entropy(labels: NDArray[np.int64]) -> float:
    return float(math.log(len(labels)) - np.log(_frequencies(labels)).mean())


def _estimate(
    terms: NDArray[np.float64], ceiling: float, start: float, *, is_entropy: bool
) -> Estimate:
    mi, stderr = float(terms.mean()), float(terms.std() / math.sqrt(len(terms)))
    return plain_estimate(
        mi,
        stderr,
        method="binned",
        ceiling=ceiling,
        n_test=len(terms),
        seconds=time.perf_counter() - start,
        is_entropy=is_entropy,
    )
