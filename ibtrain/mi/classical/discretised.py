r"""Entropy H(T) and information I(T; Y) of a layer whose activations are cut into bins, as in the first information planes."""

import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ibtrain.io.hashing import hash_rows
from ibtrain.mi.result import Estimate, plain_estimate

__all__ = ["BinnedLayer", "bin_activations", "binned_layer"]

Bins = NDArray[np.int32]


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
    count = len(bins)
    _, rows, sizes = np.unique(hash_rows(bins), return_inverse=True, return_counts=True)
    rows = rows.reshape(-1)
    pairs = rows * (labels.max() + 1) + labels
    _, inverse, pair_sizes = np.unique(pairs, return_inverse=True, return_counts=True)
    # of each sample: minus the logarithms of the frequencies of its row, of its class, and of both together
    surprise = math.log(count) - np.log(sizes[rows])
    class_surprise = math.log(count) - np.log(np.bincount(labels)[labels])
    pair_surprise = math.log(count) - np.log(pair_sizes[inverse.reshape(-1)])
    entropy = _estimate(surprise, math.log(count), start, is_entropy=False)
    ceiling = float(class_surprise.mean())
    terms = surprise + class_surprise - pair_surprise
    label = _estimate(terms, ceiling, start, is_entropy=True)
    return BinnedLayer(entropy, label, len(sizes))


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
