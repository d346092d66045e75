"""The plug-in estimate on binned coordinates, as the first information planes were measured."""

import math
import time

import numpy as np
from numpy.typing import NDArray

from ibtrain.checks import check_choice, check_integer, check_number
from ibtrain.errors import ConfigError
from ibtrain.mi.result import Estimate, flags_of, plug_in_stderr
from ibtrain.mi.samples import Samples

__all__ = ["binning"]

Array = NDArray[np.float64]
Symbols = NDArray[np.int64]

SAMPLES_A_CELL = 100
MOST_BINS = 10
BINS = ("adaptive", "fixed", "equal-count")


def binning(
    samples: Samples,
    *,
    bins: str = "adaptive",
    num_bins: int | None = None,
    low: float = -1.0,
    high: float = 1.0,
) -> Estimate:
    r"""Mutual information of the cells that x and y fall into.

    Each coordinate is cut into intervals, a vector's cells together are one symbol, and

    .. math:: I = H(\hat x) + H(\hat y) - H(\hat x, \hat y)

    with each plug-in entropy's bias corrected by (occupied symbols - 1) / 2n. In more than two or
    three dimensions nearly every sample has a cell of its own, and the value is :math:`\log n`
    whatever the truth: it is then flagged ``undersampled``.

    Args:
        samples: x, and y continuous or a label (which is its own symbol).
        bins: ``adaptive``: equal widths over each coordinate's own range; ``fixed``: equal widths
            from ``low`` to ``high``, and one interval more on either side; ``equal-count``:
            between quantiles.
        num_bins: Intervals a coordinate; None takes as many, from 2 to 10, as leave about a
            hundred samples for each pair of cells, so that the bias correction holds.
        low: Where fixed bins begin.
        high: Where they end.

    Returns:
        The value, and its standard error by the delta method.

    Raises:
        ConfigError: A setting is out of range.

    References:
        Shwartz-Ziv & Tishby (arXiv 1703.00810), section 3; Miller, Note on the bias of information
        estimates (1955); Roulston (Physica D 125, 1999), the standard error.
    """
    check_choice("bins", bins, BINS)
    if num_bins is None:
        num_bins = _affordable(samples)
    check_integer("num_bins", num_bins, 2)
    check_number("low", low)
    check_number("high", high)
    if low >= high:
        raise ConfigError(high, f"more than low ({low:g})", "high")
    start = time.perf_counter()

    def symbols(values: Array) -> Symbols:
        cells = [_cells(column, bins, num_bins, low, high) for column in values.T]
        return _numbered(np.stack(cells, axis=1))

    y = symbols(samples.y) if samples.labels is None else samples.labels
    return _plug_in(symbols(samples.x), y, samples.label_entropy, start)


def _plug_in(x: Symbols, y: Symbols, label_entropy: float | None, start: float) -> Estimate:
    """The estimate from the symbols that x and y have become."""
    pairs = _numbered(np.stack([x, y], axis=1))
    count = len(x)
    log_shares, occupied = zip(*(_log_shares(part) for part in (x, y, pairs)), strict=True)
    terms = log_shares[2] - log_shares[0] - log_shares[1]
    correction = (occupied[0] + occupied[1] - occupied[2] - 1) / (2 * count)
    mi = float(terms.mean() + correction)
    freedom = min((occupied[0] - 1) * (occupied[1] - 1), count)
    stderr = plug_in_stderr(float(terms.var()), count, freedom)
    ceiling = label_entropy or math.log(count)
    flags = flags_of(mi, stderr, ceiling=ceiling, is_entropy=label_entropy is not None)
    if max(occupied) > count / 2:
        flags += ("undersampled",)
    return Estimate(
        mi=mi,
        stderr=stderr,
        method="binning",
        ceiling=ceiling,
        flags=flags,
        n_test=count,
        seconds=time.perf_counter() - start,
    )


def _affordable(samples: Samples) -> int:
    dims, cells = samples.x.shape[1], len(samples) / SAMPLES_A_CELL
    if samples.labels is None:
        dims += samples.y.shape[1]
    else:
        cells /= samples.labels.max() + 1
    return int(np.clip(cells ** (1 / dims), 2, MOST_BINS))


def _cells(column: Array, bins: str, num_bins: int, low: float, high: float) -> Symbols:
    if bins == "equal-count":
        inner = np.unique(np.quantile(column, np.linspace(0, 1, num_bins + 1)[1:-1]))
    elif bins == "fixed":
        inner = np.linspace(low, high, num_bins + 1)
    else:
        inner = np.linspace(column.min(), column.max(), num_bins + 1)[1:-1]
    return np.searchsorted(inner, column, side="right").astype(np.int64)


def _numbered(cells: Symbols) -> Symbols:
    """One number for each distinct row."""
    _, numbers = np.unique(cells, axis=0, return_inverse=True)
    return numbers.reshape(-1).astype(np.int64)


def _log_shares(symbols: Symbols) -> tuple[Array, int]:
    """Each sample's log frequency, and how many symbols occur."""
    counts = np.bincount(symbols)
    return np.log(counts[symbols] / len(symbols)), int((counts > 0).sum())
