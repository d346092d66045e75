"""Legends of the plane, which name the layers and what occurs in the picture."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ibtrain.report.epochs import epoch_share
from ibtrain.report.mpl import Figure, HandlerTuple, Line2D
from ibtrain.report.paths import BELOW_MARKERS, START_MARKER, flag_state, layer_style, shade
from ibtrain.report.points import SATURATED, LayerPath
from ibtrain.report.style import FIGURE_WIDTH
from ibtrain.text import abridged, printable

__all__ = [
    "add_legend",
    "flag_handles",
    "layer_handles",
    "legend_options",
    "mark_handle",
    "mark_handles",
    "shade_handle",
]

LONGEST_NAME = 40
CHARACTER, HANDLE = 0.066, 0.5
"""Widths of a character and of a handle, in inches."""


def layer_handles(
    layers: Sequence[str], *, has_colours: bool = True, has_markers: bool = True, line: str = "-"
) -> list[Any]:
    """A handle for each layer, with its colour and marker.

    Args:
        layers: Names of the layers.
        has_colours: Whether colours tell layers apart, and not epochs.
        has_markers: Whether markers tell layers apart.
        line: Style of the handles' lines.
    """
    handles = []
    for index, layer in enumerate(layers):
        colour, marker = layer_style(index, len(layers))
        colour = colour if has_colours else "0.5"
        marker = marker if has_markers else ""
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
    """Handles of the starts, flags, audits and differences that occur in some paths.

    Args:
        paths: The paths of a picture.
        is_plane: Whether the paths are drawn on a plane, where starts, audits and differences are marked.
    """
    paths = list(paths)
    marks: list[tuple[Any, str, str]] = []
    starts = []
    if is_plane and any(len(path.epochs) > 1 for path in paths):
        starts.append(mark_handle(START_MARKER, "0.3", "start of a path"))
    if is_plane and any(path.audits for path in paths):
        marks.append(("+", "white", "a fresh critic found more"))
    if is_plane and any(any(path.below) for path in paths):
        marks.append((BELOW_MARKERS[0], "0.3", "a lower bound, below the exact value"))
    flags = flag_handles(kind for path in paths for kind in path.flags)
    return [*starts, *flags, *(mark_handle(*mark) for mark in marks)]


def flag_handles(kinds: Iterable[frozenset[str]]) -> list[Any]:
    """Handles of the flags that occur.

    Args:
        kinds: The flags of each point.
    """
    kinds = set(kinds)
    marks: list[tuple[Any, str, str]] = []
    if any(kind & SATURATED for kind in kinds):
        marks.append(("o", "white", "hollow: at a limit (saturated)"))
    doubts = {flag for kind in kinds if flag_state(kind) == "flagged" for flag in kind - SATURATED}
    if doubts:
        marks.append(("x", "white", "flagged: " + ", ".join(sorted(map(printable, doubts)))))
    return [mark_handle(*mark) for mark in marks]


def mark_handle(marker: Any, face: str, label: str) -> Any:
    """The handle of a mark.

    Args:
        marker: Marker of matplotlib.
        face: Colour of its area.
        label: What it means.
    """
    style = {"ls": "", "marker": marker, "color": "0.3", "mfc": face, "ms": 5}
    return Line2D([], [], **style, label=abridged(label, 90))


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
