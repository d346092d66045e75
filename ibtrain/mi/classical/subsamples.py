"""The sampling error of a value, and its dependence on the number of samples, from its values of subsamples."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ibtrain.backend.exchange import share_out

__all__ = ["SIGNIFICANT_RISE", "Value", "remaining_bias", "sampling_error_and_rise"]

Rows = NDArray[np.intp]
Value = Callable[[Rows], float]

PART_SAMPLES = 500
"""Number of samples in each part; the standard error is computed from the spread of the values of parts. With parts of
100, the spread, scaled to all samples, was a quarter too small."""
NUM_PARTS = 20
"""Number of parts, in one or more divisions, with which the standard error is accurate to a sixth."""
MIN_PART_BLOCKS = 5
"""Minimum number of blocks in each part if samples come in blocks."""
RISE_NOISE = 0.5
"""Standard error of the rise from half of the samples to all, as a share of the value's sampling error."""
SIGNIFICANT_RISE = 1.5
"""Significant rise as a multiple of the sampling error: three standard errors of the rise."""
HALVINGS, HALVING_SAMPLES = (2, 10), 20_000
"""Minimum and maximum number of random halvings of the samples whose mean gives the rise, and total number of samples
in all of them."""


def sampling_error_and_rise(
    value: Value, mi: float, count: int, block: int, randomness: np.random.Generator
) -> tuple[float, float]:
    """Computes the sampling error of the value of all samples, and its rise above the value of half of them."""
    if block > 1:
        # parts of consecutive rows: there is only one such division, so there is no average over divisions
        parts = max(2, min(NUM_PARTS, count // (MIN_PART_BLOCKS * block)))
        values = share_out(value, np.array_split(np.arange(count), parts))
        halves = share_out(value, np.array_split(np.arange(count), 2))
        return math.sqrt(_variance(values) / parts), mi - float(np.mean(halves))
    parts = max(2, count // PART_SAMPLES)
    variances = []
    for _ in range(math.ceil(NUM_PARTS / parts)):
        values = _values_of_parts(value, count, parts, randomness)
        variances.append(_variance(values) / parts)
    halvings = int(np.clip(HALVING_SAMPLES // count, *HALVINGS))
    halves = [
        half for _ in range(halvings) for half in _values_of_parts(value, count, 2, randomness)
    ]
    return math.sqrt(np.mean(variances)), mi - float(np.mean(halves))


def _variance(values: list[float]) -> float:
    """Computes the variance over the parts with a finite value, in which some class occurs more than once."""
    finite = [value for value in values if math.isfinite(value)]
    return float(np.var(finite, ddof=1)) if len(finite) > 1 else math.nan


def _values_of_parts(
    value: Value, count: int, parts: int, randomness: np.random.Generator
) -> list[float]:
    return share_out(value, np.array_split(randomness.permutation(count), parts))


def remaining_bias(rise: float, sampling: float, dim: int) -> float:
    """Estimates how far the value would still rise, from the part of the rise that exceeds its sampling error."""
    square = rise**2 - (RISE_NOISE * sampling) ** 2
    if rise <= 0 or square <= 0:
        return 0.0
    return math.sqrt(square) / (2 ** (1 / dim) - 1)
