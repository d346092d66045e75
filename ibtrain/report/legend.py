"""Legends of the plane, which name the layers and what occurs in the picture."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ibtrain.report.epochs import epoch_share
from ibtrain.report.mpl import Figure, HandlerTuple, Line2D
from ibtrain.report.paths import BELOW_MARKERS, flag_state, layer_style, shade
from ibtrain.report.points import SATURATED, LayerPath
from ibtrain.report.style import FIGURE_WIDTH
from ibtrain.text import abridged, printable

__all__ = ["add_legend", "layer_handles", "legend_options", "mark_handles", "shade_handle"]

LONGEST_NAME = 40
CHARACTER, HANDLE = 0.062, 0.5
"""Widths of a character and of a handle, in inches."""


def layer_handles(layers: Sequence[str], *, has_colours: bool = True, line: str = "-") -> list[Any]:
    """A handle for each layer, with its colour and marker.

    Args:
        layers: Names of the layers.
        has_colours: Whether colours tell layers apart, and not epochs.
        line: Style of the handles' lines.
    """
    handles = []
    for index, layer in enumerate(layers):
        colour, marker = layer_style(index, len(layers))
        colour = colour if has_colours else "0.5"
        name = abridged(printable(layer), LONGEST_NAME)
        handles.append(
            Line2D([], [], ls=line, color=colour, marker=marker, mec="k", mew=0.8, label=name)
        )
    return handles


def shade_handle(epochs: Sequence[float]) -> Any:
    """The handle of epochs, from light to dark.

    Args:
        epochs: The epochs of the points.
    """
    first, last = min(epochs), max(epochs)
    shown = [first, (3 * first + last) / 4, last] if first < last else [last]
    dots = [
        Line2D([], [], ls="", marker="o", ms=4, color=shade("0.2", share))
        for share in epoch_share(last)(shown)
    ]
    dots[0].set_label(f"epoch {first:g} to {last:g}" if first < last else f"epoch {last:g}")
    return tuple(dots)


def mark_handles(paths: Iterable[LayerPath], *, is_plane: bool = True) -> list[Any]:
    """Handles of the flags, audits and differences that occur in some paths.

    Args:
        paths: The paths of a picture.
        is_plane: Whether the paths are drawn on a plane, where audits and differences are marked.
    """
    paths = list(paths)
    kinds = {kind for path in paths for kind in path.flags}
    marks: list[tuple[Any, str, str]] = []
    if any(kind & SATURATED for kind in kinds):
        marks.append(("o", "white", "saturated: at ln N or H(Y)"))
    doubts = {flag for kind in kinds if flag_state(kind) == "flagged" for flag in kind - SATURATED}
    if doubts:
        marks.append(("x", "white", "flagged: " + ", ".join(sorted(map(printable, doubts)))))
    if is_plane and any(path.audits for path in paths):
        marks.append(("+", "white", "a fresh critic found more"))
    if is_plane and any(any(path.below) for path in paths):
        marks.append((BELOW_MARKERS[0], "0.3", "a lower bound, below the exact value"))
    return [
        Line2D([], [], ls="", marker=marker, color="0.3", mfc=face, ms=5, label=abridged(label, 90))
        for marker, face, label in marks
    ]


def add_legend(figure: Figure, handles: Sequence[Any]) -> None:
    """Adds a legend above the picture, in as many columns as fit.

    Args:
        figure: The figure.
        handles: The handles, each with a label; a tuple of handles has that of its first.
    """
    options = legend_options(handles)
    columns = _columns(options["labels"])
    figure.legend(**options, loc="outside upper center", ncols=columns, columnspacing=1.2)


def legend_options(handles: Sequence[Any]) -> dict[str, Any]:
    """The handles as arguments of ``legend``.

    Args:
        handles: The handles, each with a label; a tuple of handles has that of its first.
    """
    firsts = [handle[0] if isinstance(handle, tuple) else handle for handle in handles]
    return {
        "handles": list(handles),
        "labels": [handle.get_label() for handle in firsts],
        "handler_map": {tuple: HandlerTuple(ndivide=None, pad=0.3)},
    }


def _columns(labels: Sequence[str]) -> int:
    """The largest number of columns that fit on the page; the first ones may have one label more than the others."""
    for columns in range(len(labels), 1, -1):
        parts = np.array_split([len(label) for label in labels], columns)
        if sum(HANDLE + CHARACTER * part.max() for part in parts) <= FIGURE_WIDTH:
            return columns
    return 1
