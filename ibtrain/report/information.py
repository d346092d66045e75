"""The information of a layer by epoch."""

from typing import Any

import numpy as np

from ibtrain.report.mpl import LineCollection
from ibtrain.report.paths import PathPoints
from ibtrain.report.points import LayerPath

__all__ = ["InformationLine"]


class InformationLine:
    """One quantity of a layer by epoch, with bars; its points are drawn by their flags, as on the plane.

    Args:
        axis: Axis to draw on.
        path: The layer's path.
        column: 0 for I(X; T), 1 for I(T; Y).
        style: Colour and marker of the layer; the marker is not used.
        is_thin: Whether the line is one of several of its layer.
    """

    def __init__(
        self, axis: Any, path: LayerPath, column: int, style: tuple[Any, str], *, is_thin: bool
    ) -> None:
        self._path = path
        self._xy = np.stack([path.epochs, path.xy[:, column]], axis=1)
        spread = path.spread[:, column]
        ends = self._xy[:, 1:] + spread * [-1, 1]
        self._bars = [
            [(epoch, low), (epoch, high)]
            for epoch, (low, high) in zip(path.epochs, ends, strict=True)
        ]
        (self._line,) = axis.plot([], [], color=style[0], lw=0.7 if is_thin else 1.4, zorder=2)
        self._collection = LineCollection([], colors=[style[0]], linewidths=0.8, zorder=2)
        axis.add_collection(self._collection, autolim=False)
        self._is_thin = is_thin
        self._points = PathPoints(axis, 3)
        self._points.add(self._xy, path.epochs, path.flags, [style[0]] * len(self._xy))

    @property
    def extent(self) -> np.ndarray[Any, Any]:
        """Everything that is drawn, ``(m, 2)``."""
        return np.concatenate([self._xy, np.reshape(self._bars, (-1, 2))])

    def show(self, until: float) -> list[Any]:
        """Shows the line up to an epoch; returns its artists."""
        count = self._path.count_until(until)
        self._line.set_data(self._xy[:count].T)
        self._collection.set_segments([] if self._is_thin else self._bars[:count])
        return [self._line, self._collection, *self._points.show(until)]
