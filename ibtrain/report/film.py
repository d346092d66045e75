"""Saves the information plane as a picture, or as an animation over epochs."""

import io
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import CalledProcessError
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from ibtrain.errors import ConfigError, RunFolderError
from ibtrain.io.files import write_atomically, write_error
from ibtrain.report.figures import FIGURES
from ibtrain.report.frames import FILM_DPI, FilmFrames, Frame, frame_epochs
from ibtrain.report.mpl import FFMpegWriter, Figure, without_warnings
from ibtrain.report.panels import PlanePanel, rows_of
from ibtrain.report.style import PICTURE_FORMATS, check_picture, save_figure, styled
from ibtrain.report.view import MEASURE_STYLES, PLANE_STYLES, PlaneView

__all__ = ["PLANE_FORMATS", "save_plane"]

FILM_FORMATS = (".gif", ".mp4")
PLANE_FORMATS = (*PICTURE_FORMATS, *FILM_FORMATS)
FRAMES_PER_SECOND = 8
HOLD_FRAMES = 2 * FRAMES_PER_SECOND
"""Number of frames for which the end is shown."""


def save_plane(panels: Sequence[PlanePanel], path: Path, view: PlaneView | None = None) -> None:
    """Saves the plane as a picture or, as ``.gif`` or ``.mp4``, as an animation over epochs.

    Args:
        panels: The columns.
        path: The file; its ending is the format.
        view: Choices of what is drawn.

    Raises:
        ConfigError: If the format is unknown, a chosen measure is not there, or a snapshot is later than all points.
        RunFolderError: If there are no points, or the animation can't be made.
    """
    view = view or PlaneView()
    has_film = view.style in PLANE_STYLES
    check_picture(path, "--output", PLANE_FORMATS if has_film else PICTURE_FORMATS)
    if not any(panel.points for panel in panels):
        raise RunFolderError("no points", "a run that recorded its information plane", str(path))
    panels = [panel for panel in panels if panel.points]
    if view.style in MEASURE_STYLES and not rows_of(panels, view):
        expected = "points with both, such as those of --measures channel"
        raise RunFolderError("points without I(X; T) and I(T; Y)", expected, str(path))
    last = max(point.epoch for panel in panels for point in panel.points)
    if view.at and max(view.at) > last:
        expected = f"epochs up to {last:g}, at which the plane was last measured"
        raise ConfigError(f"{max(view.at):g}", expected, "--at")
    if path.suffix.lower() in FILM_FORMATS:
        _save_film(panels, path, view)
    else:
        save_figure(FIGURES[view.style](panels, view), path)


def _save_film(panels: Sequence[PlanePanel], path: Path, view: PlaneView) -> None:
    ending = path.suffix.lower()
    if ending == ".mp4" and not FFMpegWriter.isAvailable():
        expected = "an installed ffmpeg to write .mp4 (or use .gif)"
        raise RunFolderError("no ffmpeg on this machine", expected, str(path))
    try:
        # matplotlib logs ffmpeg's messages, which are in the error too
        with without_warnings():
            film = _film(panels, view, ending)
    except OSError as error:
        if ending != ".mp4":
            raise write_error("a film", error, path) from error
        raise _ffmpeg_error(str(error.strerror), path) from error
    except CalledProcessError as error:
        lines = str(error.stderr or "").strip().splitlines()
        raise _ffmpeg_error(lines[-1] if lines else f"exit {error.returncode}", path) from error
    if not film:
        raise _ffmpeg_error("it wrote nothing", path)
    write_atomically(path, film)


def _ffmpeg_error(reason: str, path: Path) -> RunFolderError:
    expected = "an ffmpeg that writes H.264 (or use .gif)"
    return RunFolderError(f"an ffmpeg that failed ({reason})", expected, str(path))


@styled
def _film(panels: Sequence[PlanePanel], view: PlaneView, ending: str) -> bytes:
    """Renders the animation; returns the content of the file.

    Raises:
        OSError: If the temporary file can't be written.
        CalledProcessError: If ffmpeg fails.
    """
    frames = FilmFrames(panels, view)
    epochs = frame_epochs(frames.last, len({p.epoch for panel in panels for p in panel.points}))
    images = (frames.draw(epoch) for epoch in [*epochs, *[epochs[-1]] * HOLD_FRAMES])
    return (_mp4 if ending == ".mp4" else _gif)(images, frames.draw(frames.last))


def _gif(images: Iterable[Frame], last: Frame) -> bytes:
    """A GIF whose frames have the colours of the last one."""
    palette = Image.fromarray(last[..., :3]).quantize(method=Image.Quantize.FASTOCTREE)
    first, *rest = (
        Image.fromarray(image[..., :3]).quantize(palette=palette, dither=Image.Dither.NONE)
        for image in images
    )
    film = io.BytesIO()
    duration = 1000 // FRAMES_PER_SECOND
    first.save(film, "gif", save_all=True, append_images=rest, duration=duration, loop=0)
    return film.getvalue()


def _mp4(images: Iterable[Frame], last: Frame) -> bytes:
    height, width, _ = last.shape
    page = _Page(figsize=(width / FILM_DPI, height / FILM_DPI), dpi=FILM_DPI)
    writer = FFMpegWriter(fps=FRAMES_PER_SECOND)
    with TemporaryDirectory() as scratch:
        film = Path(scratch, "film.mp4")
        writer.setup(page, str(film), dpi=FILM_DPI)
        # if ffmpeg fails, the pipe breaks, and finish() raises ffmpeg's error
        with suppress(BrokenPipeError):
            for page.frame in images:
                writer.grab_frame()
        writer.finish()
        return film.read_bytes() if film.exists() else b""


class _Page(Figure):
    """A figure that is already drawn: a writer of films only takes figures."""

    frame: Frame

    def savefig(self, fname: Any, **_: Any) -> None:
        fname.write(self.frame.tobytes())
