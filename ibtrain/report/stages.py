"""Marks of the stages of layer-wise training on an axis of epochs."""

from collections.abc import Mapping
from typing import Any

from ibtrain.report.style import FIGURE_WIDTH
from ibtrain.text import abridged, printable

__all__ = ["mark_stages"]

CHARACTER, LINE = 0.058, 0.16
"""Width of a character and height of a line, in inches."""
LONGEST_NAME = 18
HEIGHT = 1.9
"""Height of a panel without its ticks and labels, in inches."""
MARGIN = 0.7
"""Width of a panel's ticks and labels, in inches."""


def mark_stages(axis: Any, stages: Mapping[str, int], epochs: int, panels: int) -> None:
    """Draws a line between two stages, and the name of each, which is upright where the stage is narrow.

    Args:
        axis: Axis to draw on.
        stages: Number of epochs before each stage.
        epochs: Number of epochs of all stages.
        panels: Number of panels beside each other.
    """
    width = (FIGURE_WIDTH / panels - MARGIN) / max(epochs, 1)
    ends = [*list(stages.values())[1:], epochs]
    names = {stage: abridged(printable(stage), LONGEST_NAME) for stage in stages}
    rooms = [width * (end - begin) for begin, end in zip(stages.values(), ends, strict=True)]
    is_upright = any(
        CHARACTER * len(name) > room for name, room in zip(names.values(), rooms, strict=True)
    )
    low, high = axis.get_ylim()
    length = CHARACTER * max(map(len, names.values())) if is_upright else LINE
    axis.set_ylim(low, high + length / (HEIGHT - length) * (high - low))
    # no numbers beside the names
    axis.set_yticks([tick for tick in axis.get_yticks() if low <= tick <= high])
    for (stage, offset), room in zip(stages.items(), rooms, strict=True):
        if offset:
            axis.axvline(offset + 0.5, color="0.6", lw=0.8)
        if room < LINE:
            continue
        axis.annotate(
            names[stage],
            (offset + 0.5, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(2, -2),
            textcoords="offset points",
            va="top",
            rotation=90 if is_upright else 0,
            fontsize=7,
            color="0.35",
        )
