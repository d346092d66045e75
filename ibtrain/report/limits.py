"""Ends of the axes of a plane, and the limits ln N and H(Y) on it."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["axis_ends", "draw_limit", "shared_ends"]

Ends = np.ndarray[Any, Any]
"""Lower and upper end of the x-axis and of the y-axis, ``(2, 2)``."""

SMALLEST_SPAN = 0.2
"""Smallest length of an axis, in nats or bits: a smaller difference is not magnified."""
NEAR = 0.25
"""A limit is drawn within the axes if it is no farther from the values than this share of their span."""
SMALLEST_SHARE = 0.6
"""Planes have the same axes if the values of each span at least this share of them."""
BACKGROUND = {"fc": "white", "ec": "none", "alpha": 0.7, "pad": 0.4}
"""Keeps the name of a limit legible where a line passes."""


def axis_ends(values: np.ndarray[Any, Any], limits: Sequence[float]) -> Ends:
    """The ends of both axes, which follow the values, and include a limit only if it is near.

    Args:
        values: Everything that is drawn, ``(n, 2)``.
        limits: Largest possible value of each axis; may be infinite.
    """
    ends = []
    for column, limit in zip(values.T, limits, strict=True):
        low, high = float(column.min()), float(column.max())
        missing = max(SMALLEST_SPAN - (high - low), 0.0)
        low, high = low - missing / 2, high + missing / 2
        if high < limit <= high + NEAR * (high - low):
            high = limit
        margin = 0.08 * (high - low)
        # the limit's name is above its line, or at the upper edge
        is_labelled = low < limit < math.inf
        ends.append((low - margin, high + (2.6 if is_labelled else 1) * margin))
    return np.array(ends)


def shared_ends(planes: Sequence[Ends]) -> list[Ends]:
    """The same ends for all planes, unless one of them would use too little of its axes.

    Args:
        planes: The ends of each plane by itself.
    """
    union = np.stack(
        [np.min([p[:, 0] for p in planes], axis=0), np.max([p[:, 1] for p in planes], axis=0)],
        axis=1,
    )
    spans = np.array([np.diff(plane)[:, 0] for plane in planes])
    if (spans >= SMALLEST_SHARE * np.diff(union)[:, 0]).all():
        return [union for _ in planes]
    return list(planes)


def draw_limit(axis: Any, direction: str, name: str, value: float) -> None:
    """Draws a limit as a dotted line or, if it is beyond the axis, its value at that edge with an arrow towards it.

    Args:
        axis: Axis whose ends are set.
        direction: ``x`` or ``y``.
        name: Name of the limit.
        value: The limit; an infinite one is not drawn.
    """
    if not math.isfinite(value):
        return
    is_x = direction == "x"
    low, high = axis.get_xlim() if is_x else axis.get_ylim()
    words = f"{name} = {value:.2f}"
    place: tuple[float, float]
    coordinates: Any = "axes fraction"
    if low <= value <= high:
        draw_line = axis.axvline if is_x else axis.axhline
        draw_line(value, ls=":", color="k", lw=0.9, zorder=1)
        place, coordinates = (value, 0.03), ("data", "axes fraction")
        if not is_x:
            place, coordinates = (0.02, value), ("axes fraction", "data")
        text = _text((-2, 0), "right", "bottom") if is_x else _text((0, 1), "left", "bottom")
    elif is_x:
        # the text is rotated: its arrow points to the right, or to the left. Where the limit is larger, the text is
        # outside of the axis, where no path is
        words += " ↓" if value > high else " ↑"
        place, text = (float(value > high), 0.5), _text((2, 0), "left", "center")
    elif value > high:
        words, place, text = f"{words} ↑", (0.02, 1), _text((1, -2), "left", "top")
    else:
        words, place, text = f"{words} ↓", (0.02, 0), _text((1, 2), "left", "bottom")
    rotation = 90 if is_x else 0
    axis.annotate(words, place, xycoords=coordinates, rotation=rotation, **text)


def _text(offset: tuple[float, float], horizontal: str, vertical: str) -> dict[str, Any]:
    """Style of a limit's text: its offset in points and its alignment."""
    return {
        "xytext": offset, "textcoords": "offset points", "ha": horizontal, "va": vertical,
        "fontsize": 7, "color": "0.2", "bbox": BACKGROUND,
    }  # fmt: skip
