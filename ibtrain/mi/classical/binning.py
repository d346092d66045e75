"""The plug-in estimate on binned coordinates, with which the first information planes were measured."""

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

SAMPLES_PER_CELL = 100
"""Mean number of samples per pair of cells for the default number of bins."""
MAX_DEFAULT_BINS = 10
BIN_RULES = ("equal-count", "adaptive", "fixed")
MAX_BINS = 1_000_000
MAX_BIN_SHARE = 0.99
"""Share of a coordinate's samples in one interval above which the interval is too wide."""
ENTROPY_TOLERANCE = 1e-9
_CELL_FLAGS = {"above_label_entropy": "above_ceiling"}


def binning(
    samples: Samples,
    *,
    bins: str = "equal-count",
    num_bins: int | None = None,
    low: float = -1.0,
    high: float = 1.0,
    seed: int = 0,
) -> Estimate:
    r"""Estimates the mutual information of binned x and y.

    Each coordinate is divided into intervals, the cell of a vector is one symbol, and

    .. math:: I = H(\hat x) + H(\hat y) - H(\hat x, \hat y)

    as computed by :func:`~ibtrain.mi.classical.plug_in.plug_in`. In more than two or three dimensions nearly every
    sample is alone in its cell, and the value is :math:`\log n` for any distribution; it is then flagged
    ``undersampled``. If bins of equal width leave nearly all samples in one interval, because the tail of a
    coordinate determines its range, the value is flagged ``coarse_bins``.

    Args:
        samples: Continuous x, and y continuous or a label (each class is a symbol).
        bins: ``equal-count``: bins between quantiles; ``adaptive``: equal widths over each coordinate's
            range; ``fixed``: equal widths from ``low`` to ``high``, and one more interval on either side.
        num_bins: Number of intervals per coordinate; None chooses from 2 to 10, such that there are about a
            hundred samples for each pair of cells and the bias correction is accurate.
        low: Lower end of the fixed bins.
        high: Upper end of the fixed bins.
        seed: Seeds the shuffles of the bias estimate.

    Returns:
        The value, with the standard error of :func:`~ibtrain.mi.classical.plug_in.plug_in`.

    Raises:
        ConfigError: If a setting is out of range.

    References:
        Shwartz-Ziv & Tishby (arXiv 1703.00810), section 3.
    """
    check_choice("bins", bins, BIN_RULES)
    if num_bins is None:
        num_bins = _default_num_bins(samples)
    check_integer("num_bins", num_bins, 2, MAX_BINS)
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
    symbols = _row_numbers(cells_x), _row_numbers(cells_y)
    estimate = plug_in(*symbols, method="binning", seed=seed, block=samples.block)
    flags = estimate.flags
    sides = [(samples.x, cells_x)]
    if samples.labels is None:
        sides.append((samples.y, cells_y))
    if (
        samples.label_entropy is None
        or estimate.ceiling < samples.label_entropy - ENTROPY_TOLERANCE
    ):
        # the ceiling is an entropy of cells, not of the label
        flags = tuple(dict.fromkeys(_CELL_FLAGS.get(flag, flag) for flag in flags))
    if any(_is_coarse(values, cells) for values, cells in sides):
        flags += ("coarse_bins",)
    return replace(estimate, flags=flags, seconds=time.perf_counter() - start)


def _default_num_bins(samples: Samples) -> int:
    dims, cells = samples.x.shape[1], len(samples) / SAMPLES_PER_CELL
    if samples.labels is None:
        dims += samples.y.shape[1]
    else:
        cells /= samples.labels.max() + 1
    return int(np.clip(cells ** (1 / dims), 2, MAX_DEFAULT_BINS))


def _cells(column: Array, bins: str, num_bins: int, low: float, high: float) -> Symbols:
    if bins == "equal-count":
        # middle ranks keep tied values in one bin, separate from other values even if most samples are tied
        levels = (rankdata(column) - 0.5) / len(column)
        cells: Symbols = np.floor(levels * num_bins).astype(np.int64)
        return cells
    if bins == "fixed":
        inner = np.linspace(low, high, num_bins + 1)
    else:
        inner = np.linspace(column.min(), column.max(), num_bins + 1)[1:-1]
    return np.searchsorted(inner, column, side="right").astype(np.int64)


def _is_coarse(values: Array, cells: Symbols) -> bool:
    """Returns whether an interval of some coordinate contains nearly all samples although their values differ."""
    for column, intervals in zip(values.T, cells.T, strict=True):
        numbers, inverse, counts = np.unique(intervals, return_inverse=True, return_counts=True)
        if len(numbers) > 1 and counts.max() <= MAX_BIN_SHARE * len(column):
            continue
        fullest = column[inverse.reshape(-1) == counts.argmax()]
        # a nearly constant coordinate has no finer structure
        repeats = np.unique(fullest, return_counts=True)[1].max()
        if repeats < MAX_BIN_SHARE * len(fullest):
            return True
    return False


def _row_numbers(cells: Symbols) -> Symbols:
    """Returns a different number for each distinct row."""
    _, numbers = np.unique(cells, axis=0, return_inverse=True)
    return numbers.reshape(-1).astype(np.int64)
