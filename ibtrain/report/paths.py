"""How a path of layers is drawn on a plane: the one home of its colours, its markers and its flags."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ibtrain.report.mpl import (
    LineCollection,
    Normalize,
    ScaledTranslation,
    colormaps,
    to_rgb,
)
from ibtrain.report.points import SATURATED, LayerPath
from ibtrain.report.style import MARKERS, PALETTE

__all__ = [
    "BELOW_MARKERS",
    "EPOCH_MAP",
    "START_MARKER",
    "EpochLines",
    "LayerLine",
    "PathPoints",
    "flag_state",
    "layer_style",
    "shade",
]

EPOCH_MAP = "viridis"
"""Colours of epochs, where the colours do not tell the layers apart."""
MANY_EPOCHS = 60
"""Number of epochs from which on their lines are thin."""
LIGHTEST = 0.3
"""Share of its colour that a layer's first point has; the rest is white."""
STATES: dict[str, dict[str, Any]] = {
    "plain": {"marker": "o", "s": 8, "linewidths": 0},
    "saturated": {"marker": "o", "s": 15, "linewidths": 0.8, "facecolors": "white"},
    "flagged": {"marker": "x", "s": 14, "linewidths": 0.9},
}
"""How a point along a path is drawn, by the state of its values."""
BELOW_MARKERS = (9, 10)
"""Markers of matplotlib that point to the right and up, from a bound to the higher exact value."""
START_MARKER = "1"
"""Marker of matplotlib at a path's first point: three strokes, because a hollow symbol is a value at a limit."""


def flag_state(flags: frozenset[str]) -> str:
    """``plain`` without flags, ``saturated`` if a value has only reached its limit, else ``flagged``.

    Args:
        flags: Flags of the two values of a point.
    """
    if not flags:
        return "plain"
    return "saturated" if flags <= SATURATED else "flagged"


def layer_style(index: int, count: int) -> tuple[Any, str]:
    """Colour and marker of a layer.

    Args:
        index: Place of the layer.
        count: Number of layers, whose colours differ.
    """
    few = count <= len(PALETTE)
    colour = PALETTE[index] if few else colormaps["turbo"](index / (count - 1))
    return colour, MARKERS[index % len(MARKERS)]


def shade(colour: Any, share: float) -> Any:
    """A colour between a light one and the colour itself.

    Args:
        colour: Any colour of matplotlib.
        share: 0 for the light one, 1 for the colour.
    """
    weight = LIGHTEST + (1 - LIGHTEST) * share
    return tuple(1 - weight + weight * part for part in to_rgb(colour))


class PathPoints:
    """The points of paths, each drawn by the state of its values."""

    def __init__(self, axis: Any, zorder: float) -> None:
        self._groups: list[tuple[Any, Any, Any]] = []
        self._axis = axis
        self._zorder = zorder

    def add(self, xy: Any, epochs: Any, flags: Sequence[frozenset[str]], colours: Any) -> None:
        """Adds points ``(n, 2)`` with their epochs, flags and colours."""
        states = np.array([flag_state(kinds) for kinds in flags])
        for state, options in STATES.items():
            chosen = states == state
            if chosen.any():
                edge = "facecolors" if state == "plain" else "edgecolors"
                edge = "color" if state == "flagged" else edge
                style = {**options, edge: [colours[i] for i in np.flatnonzero(chosen)]}
                artist = self._axis.scatter(*xy[chosen].T, **style, zorder=self._zorder)
                self._groups.append((artist, epochs[chosen], xy[chosen]))

    def show(self, until: float) -> list[Any]:
        """Shows the points up to an epoch."""
        for artist, epochs, xy in self._groups:
            artist.set_offsets(xy[epochs <= until])
        return [artist for artist, _, _ in self._groups]


class LayerLine:
    """The path of a layer, from light to dark, with three strokes at its first point and a large marker at its last.

    Args:
        axis: Axis to draw on.
        path: The path.
        style: Colour and marker of the layer, as of :func:`layer_style`.
        share: Maps epochs to numbers from 0, for a light colour, to 1.
        is_thin: Whether the path is one of several of its layer.
        size: Size of the last marker, in points.
    """

    def __init__(
        self,
        axis: Any,
        path: LayerPath,
        style: tuple[Any, str],
        share: Callable[[Any], Any],
        *,
        is_thin: bool = False,
        size: float = 6.5,
    ) -> None:
        self.path = path
        self.colour, marker = style
        colours = [shade(self.colour, value) for value in share(path.epochs)]
        width, size = (0.7, 0.65 * size) if is_thin else (1.4, size)
        self._colours = colours
        self._line = LineCollection([], linewidths=width, zorder=2, capstyle="round")
        self._audits = LineCollection([], colors=[self.colour], linewidths=0.6, zorder=2)
        self._bars = LineCollection([], colors=[self.colour], linewidths=0.9, zorder=3)
        for collection in (self._line, self._audits, self._bars):
            axis.add_collection(collection, autolim=False)
        self._has_bars = not is_thin
        self._points = PathPoints(axis, 3)
        self._points.add(path.xy, path.epochs, path.flags, colours)
        (self._crosses,) = axis.plot([], [], "+", color=self.colour, ms=5, mew=0.8, zorder=3)
        # below the points: a hollow one at the start remains visible
        start = {"color": self.colour, "ms": size + 2, "mew": 1.0, "zorder": 2.5}
        (self._start,) = axis.plot([], [], START_MARKER, **start)
        (self._end,) = axis.plot([], [], marker, color=self.colour, ms=size, mew=0.8, zorder=5)
        (self._doubt,) = axis.plot([], [], "x", color=self.colour, ms=size - 3, zorder=6)
        self._below = [
            axis.plot([], [], marker=symbol, color=self.colour, ms=3, mew=0, ls="", zorder=4)[0]
            for symbol in BELOW_MARKERS
        ]
        distance = size / 2 + 0.8
        for artist, offset in zip(self._below, ((distance, 0), (0, distance)), strict=True):
            artist.set_transform(axis.transData + _points_away(axis, *offset))
        axis.update_datalim(path.extent)

    def show(self, until: float) -> list[Any]:
        """Shows the path up to an epoch; returns its artists."""
        path, count = self.path, self.path.count_until(until)
        xy = path.xy[:count]
        self._line.set_segments(list(np.stack([xy[:-1], xy[1:]], axis=1)) if count > 1 else [])
        self._line.set_colors(self._colours[1:count])
        audits = {index: audit for index, audit in path.audits.items() if index < count}
        self._audits.set_segments([[path.xy[index], audit] for index, audit in audits.items()])
        self._crosses.set_data(np.reshape([*audits.values()], (-1, 2)).T)
        self._start.set_data(xy[:1].T if count > 1 else ([], []))
        self._end.set_data(xy[-1:].T)
        self._doubt.set_data([], [])
        is_last = count == len(path.epochs)
        if count:
            state = flag_state(path.flags[count - 1])
            self._end.set_markerfacecolor(self.colour if state == "plain" else "white")
            self._end.set_markeredgecolor("black" if state == "plain" else self.colour)
            self._doubt.set_data(xy[-1:].T if state == "flagged" else ([], []))
            self._bars.set_segments(_bars(xy[-1], path.spread[count - 1]) if self._has_bars else [])
        for artist, is_below in zip(self._below, path.below, strict=True):
            artist.set_data(xy[-1:].T if is_below and is_last else ([], []))
        return [
            self._line, self._audits, self._bars, self._crosses, self._start, self._end,
            self._doubt, *self._below, *self._points.show(until),
        ]  # fmt: skip


class EpochLines:
    """All epochs of one network in colour: the layers of an epoch are joined by a line.

    Args:
        axis: Axis to draw on.
        paths: The paths of the network's layers, in their order.
        styles: Colour and marker of each layer; the colour is not used.
        norm: Maps epochs to colours.
    """

    def __init__(
        self,
        axis: Any,
        paths: Sequence[LayerPath],
        styles: Sequence[tuple[Any, str]],
        norm: Normalize,
    ) -> None:
        self._norm = norm
        self._paths = paths
        # many epochs would fuse into an area
        is_dense = max(len(path.epochs) for path in paths) > MANY_EPOCHS
        self._lines = LineCollection([], linewidths=0.25 if is_dense else 0.7, zorder=2)
        axis.add_collection(self._lines, autolim=False)
        self._points = PathPoints(axis, 2 if is_dense else 3)
        self._ends = []
        for path, (_, marker) in zip(paths, styles, strict=True):
            self._points.add(path.xy, path.epochs, path.flags, self._colour(path.epochs))
            (end,) = axis.plot([], [], marker, mec="black", ms=5.5, mew=0.7, ls="", zorder=5)
            (doubt,) = axis.plot([], [], "x", color="black", ms=3, zorder=6)
            self._ends.append((end, doubt))
            axis.update_datalim(path.extent)

    def _colour(self, epochs: Any) -> Any:
        return colormaps[EPOCH_MAP](self._norm(np.asarray(epochs) + 1))

    def show(self, until: float) -> list[Any]:
        """Shows the epochs up to a last one; returns the artists."""
        epochs = sorted({e for path in self._paths for e in path.epochs if e <= until})
        lines = [
            [path.xy[i] for path in self._paths for i in np.flatnonzero(path.epochs == epoch)]
            for epoch in epochs
        ]
        self._lines.set_segments(lines)
        self._lines.set_colors(self._colour(epochs))
        for path, (end, doubt) in zip(self._paths, self._ends, strict=True):
            count = path.count_until(until)
            place: Any = path.xy[count - 1 : count].T if count else ([], [])
            state = flag_state(path.flags[count - 1]) if count else "plain"
            end.set_data(place)
            plain = self._colour(path.epochs[count - 1]) if count else "white"
            end.set_markerfacecolor(plain if state == "plain" else "white")
            doubt.set_data(place if state == "flagged" else ([], []))
        ends = [artist for pair in self._ends for artist in pair]
        return [self._lines, *ends, *self._points.show(until)]


def _bars(xy: Any, spread: Any) -> list[Any]:
    """Line segments from the lower to the upper end of both bars."""
    return [
        [xy - np.eye(2)[axis] * spread[axis, 0], xy + np.eye(2)[axis] * spread[axis, 1]]
        for axis in (0, 1)
    ]


def _points_away(axis: Any, x: float, y: float) -> Any:
    """A shift on the page, in points, which no zoom changes."""
    return ScaledTranslation(x / 72, y / 72, axis.figure.dpi_scale_trans)
