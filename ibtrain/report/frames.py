"""The frames of a film of the plane."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ibtrain.report.epochs import set_epoch_axis
from ibtrain.report.mpl import FigureCanvasAgg
from ibtrain.report.panels import PlanePanel
from ibtrain.report.paths import layer_style
from ibtrain.report.plane import PlanePicture
from ibtrain.report.style import LINES
from ibtrain.report.view import PlaneView

__all__ = ["FILM_DPI", "FilmFrames", "Frame", "frame_epochs"]

Frame = np.ndarray[Any, Any]
"""An image as bytes, ``(height, width, 4)``, with an even height and width, which H.264 needs."""

FILM_DPI = 150
FEWEST_FRAMES, MOST_FRAMES = 48, 240
ACCURACY_HEIGHT = 1.2


def frame_epochs(last: float, moments: int) -> list[float]:
    """The epochs of a film's frames, evenly spaced on the logarithmic scale of epochs.

    Args:
        last: The last epoch.
        moments: Number of different epochs at which the plane was measured.
    """
    count = min(max(moments, FEWEST_FRAMES), MOST_FRAMES) if last > 0 else 1
    epochs = np.expm1(np.linspace(0, np.log1p(last), count))
    return [*epochs[:-1].tolist(), last]


class FilmFrames:
    """Draws the plane at one epoch after another; only what changes is drawn anew.

    The accuracies by epoch are below the plane.

    Args:
        panels: The columns.
        view: Choices of what is drawn.
    """

    def __init__(self, panels: Sequence[PlanePanel], view: PlaneView) -> None:
        picture = PlanePicture(panels, view, ACCURACY_HEIGHT)
        self.last = picture.last
        self._show = picture.show
        self._cursor, self._text = _draw_accuracies(picture)
        figure = picture.figure
        figure.set_dpi(FILM_DPI)
        self._canvas = FigureCanvasAgg(figure)
        self._canvas.draw()
        # the layout stays; what changes is left out of the background
        figure.set_layout_engine("none")
        for artist in (*picture.show(self.last), self._cursor, self._text):
            artist.set_animated(True)
        self._canvas.draw()
        self._background = self._canvas.copy_from_bbox(figure.bbox)

    def draw(self, epoch: float) -> Frame:
        """Draws the plane up to an epoch.

        Args:
            epoch: The last epoch of the frame.

        Returns:
            The frame.
        """
        self._cursor.set_xdata([epoch, epoch])
        self._text.set_text(f"epoch {epoch:.3g}" if epoch < self.last else f"epoch {epoch:g}")
        self._canvas.restore_region(self._background)
        artists = [*self._show(epoch), self._cursor, self._text]
        for artist in sorted(artists, key=lambda artist: artist.get_zorder()):
            artist.axes.draw_artist(artist)
        pixels = np.asarray(self._canvas.buffer_rgba())
        height, width = (size // 2 * 2 for size in pixels.shape[:2])
        return pixels[:height, :width].copy()


def _draw_accuracies(picture: PlanePicture) -> tuple[Any, Any]:
    """Draws the accuracies by epoch; returns the line and the text that tell the frame's epoch."""
    axis: Any = picture.grid.extra
    for panel in picture.panels:
        line = LINES["end_to_end" if panel.points[0].method == "end_to_end" else "layerwise"]
        for stage, accuracies in panel.accuracies.items():
            epochs, values = zip(*accuracies, strict=True)
            is_layer = stage in picture.layers
            index = picture.layers.index(stage) if is_layer else 0
            colour = layer_style(index, len(picture.layers))[0] if is_layer else "0.2"
            axis.plot(epochs, 100 * np.array(values), ls=line, color=colour, lw=1)
    axis.set_title(_methods(picture), fontsize=7, loc="left")
    set_epoch_axis(axis, picture.last)
    axis.set(xlabel="epoch", ylabel="test accuracy  [%]")
    cursor = axis.axvline(0, color="0.3", lw=0.8)
    text = axis.text(0.99, 0.06, "", transform=axis.transAxes, ha="right", weight="bold")
    return cursor, text


def _methods(picture: PlanePicture) -> str:
    """Names the lines of the methods."""
    methods = {panel.points[0].method for panel in picture.panels if panel.accuracies}
    names = {
        "layerwise": "solid: layer-wise, critic of each layer",
        "end_to_end": "dashed: end-to-end",
    }
    return "; ".join(name for method, name in names.items() if method in methods)
