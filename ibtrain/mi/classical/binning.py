"""The plug-in estimate on binned coordinates, as the first information planes were measured."""

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ibtrain.checks import check_choice, check_integer, check_number
from ibtrain.errors import ConfigError
from ibtrain.mi.classical.plug_in import plug_in
from ibtrain.mi.result import Estimate
from ibtrain.mi.samples import Samples

__all__ = ["binning"]

Array = NDArray[np.float64]
Symbols = NDArray[np.int64]

SAMPLES_A_CELL = 100
MOST_BINS = 10
BINS = ("equal-count", "adaptive", "fixed")
MOST_BINS_ASKED = 1_000_000
COARSE = 0.99
"""Share of a coordinate's samples in one interval from which on the interval is too wide for them."""
ROUNDING = 1e-9
_CEILING = {"above_label_entropy": "above_ceiling"}


def binning(
    samples: Samples,
    *,
    bins: str = "equal-count",
    num_bins: int | None = None,
    low: float = -1.0,
    high: float = 1.0,
    seed: int = 0,
) -> Estimate:
    r"""Mutual information of the cells that x and y fall into.

    Each coordinate is cut into intervals, a vector's cells together are one symbol, and

    .. math:: I = H(\hat x) + H(\hat y) - H(\hat x, \hat y)

    as :func:`~ibtrain.mi.classical.plug_in.plug_in` computes it. In more than two or three dimensions nearly every
    sample has a cell of its own, and the value is :math:`\log n` whatever the truth: it is then flagged
    ``undersampled``. Where equal widths leave nearly all samples in one interval, because the range of a
    coordinate is that of its tail, the value is flagged ``coarse_bins``.

    Args:
        samples: x, and y continuous or a label (which is its own symbol).
        bins: ``equal-count``: between quantiles; ``adaptive``: equal widths over each coordinate's
            range; ``fixed``: equal widths from ``low`` to ``high``, and one interval more on either side.
        num_bins: Intervals a coordinate; None takes as many, from 2 to 10, as leave about a
            hundred samples for each pair of cells, so that the bias correction holds.
        low: Where fixed bins begin.
        high: Where they end.
        seed: Seeds the shuffles of the bias estimate.

    Returns:
        The value, with the standard error of :func:`~ibtrain.mi.classical.plug_in.plug_in`.

    Raises:
        ConfigError: If a setting is out of range.

    References:
        Shwartz-Ziv & Tishby (arXiv 1703.00810), section 3.
    """
    check_choice("bins", bins, BINS)
    if num_bins is None:
        num_bins = _affordable(samples)
    check_integer("num_bins", num_bins, 2, MOST_BINS_ASKED)
    check_number("low", low)
    check_number("high", high)
    if low >= high:
        raise ConfigError(high, f"more than low ({low:g})", "high")
    start = time.perf_counter()

    def cells_of(values: Array) -> Symbols:
        columns = [_cells(column, bins, num_bins, low, high) for column in values.T]
        return np.stack(columns, axis=1)

    cells_x = cells_of(samples.x)
    cells_y = cells_of(samples.y) if samples.labels is None else samples.labels[:, None]
    symbols = _numbered(cells_x), _numbered(cells_y)
    estimate = plug_in(*symbols, method="binning", seed=seed, block=samples.block)
    flags = estimate.flags
    sides = [(samples.x, cells_x)]
    if samples.labels is None:
        sides.append((samples.y, cells_y))
    if samples.label_entropy is None or estimate.ceiling < samples.label_entropy - ROUNDING:
        # the entropy that limits the value is one of cells
        flags = tuple(dict.fromkeys(_CEILING.get(flag, flag) for flag in flags))
    if any(_is_coarse(values, cells) for values, cells in sides):
        flags += ("coarse_bins",)
    return replace(estimate, flags=flags, seconds=time.perf_counter() - start)


def _affordable(samples: Samples) -> int:
    dims, cells = samples.x.shape[1], len(samples) / SAMPLES_A_CELL
    if samples.labels is None:
        dims += samples.y.shape[1]
    else:
        cells /= samples.labels.max() + 1
    return int(np.clip(cells ** (1 / dims), 2, MOST_BINS))


def _cells(column: Array, bins: str, num_bins: int, low: float, high: float) -> Symbols:
    if bins == "equal-count":
        # by their middle rank tied values keep together, and apart from others even where they are most of all
        levels = (rankdata(column) - 0.5) / len(column)
        cells: Symbols = np.floor(levels * num_bins).astype(np.int64)
        return cells
    if bins == "fixed":
        inner = np.linspace(low, high, num_bins + 1)
    else:
        inner = np.linspace(column.min(), column.max(), num_bins + 1)[1:-1]
    return np.searchsorted(inner, column, side="right").astype(np.int64)


def _is_coarse(values: Array, cells: Symbols) -> bool:
    """Whether an interval of some coordinate holds nearly all samples, though they differ."""
    for column, intervals in zip(values.T, cells.T, strict=True):
        numbers, inverse, counts = np.unique(intervals, return_inverse=True, return_counts=True)
        if len(numbers) > 1 and counts.max() <= COARSE * len(column):
            continue
        crowded = column[inverse.reshape(-1) == counts.argmax()]
        # a coordinate that is nearly constant has no finer structure to lose
        most = np.unique(crowded, return_counts=True)[1].max()
        if most < COARSE * len(crowded):
            return True
    return False


def _numbered(cells: Symbols) -> Symbols:
    """One number for each distinct row."""
    _, numbers = np.unique(cells, axis=0, return_inverse=True)
    return numbers.reshape(-1).astype(np.int64)
