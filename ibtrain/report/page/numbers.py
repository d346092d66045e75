"""Numbers as they are written into the document of a page."""

import math
from collections.abc import Iterable
from typing import Any

__all__ = ["DIGITS", "number", "numbers"]

DIGITS = 6
"""Significant digits: errors of Monte Carlo are far larger, and a page is a third smaller."""


def number(value: Any) -> float | int | None:
    """A number with few digits; None, ``null`` in JSON, for infinity and NaN."""
    value = float(value)
    if not math.isfinite(value):
        return None
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 10**DIGITS else short


def numbers(values: Iterable[Any]) -> list[float | int | None]:
    """Several numbers, as of :func:`number`."""
    return [number(value) for value in values]
