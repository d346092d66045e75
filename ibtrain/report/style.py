"""The look of every picture: sized for a page, legible in print and without colour vision."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
from matplotlib.figure import Figure

from ibtrain.config import Method

__all__ = ["COLOURS", "LINES", "MARKERS", "METHOD_TITLES", "new_figure", "styled"]

P = ParamSpec("P")
T = TypeVar("T")

WIDTH = 7.0
"""Inches across a page's text."""

METHOD_TITLES: dict[Method, str] = {
    "layerwise": "Layer-wise (information bottleneck)",
    "end_to_end": "End to end (backprop)",
}
COLOURS: dict[Method, str] = {"layerwise": "#0072B2", "end_to_end": "#D55E00"}
LINES: dict[Method, str] = {"layerwise": "-", "end_to_end": "--"}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

_RC: dict[str, Any] = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
}


def new_figure(rows: int, columns: int, height: float, **options: Any) -> tuple[Figure, Any]:
    """A figure a page wide and its axes as a 2-d array; ``options`` go to ``Figure.subplots``."""
    figure = Figure(figsize=(WIDTH, height), dpi=200, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Draws in this style, and leaves matplotlib's own settings as they were."""

    @wraps(draw)
    def drawing(*args: P.args, **kwargs: P.kwargs) -> T:
        with mpl.rc_context(_RC):  # type: ignore[arg-type]
            return draw(*args, **kwargs)

    return drawing
