"""Saves the information plane as a picture, or as an animation over epochs."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import CalledProcessError
from tempfile import TemporaryDirectory

from ibtrain.errors import RunFolderError
from ibtrain.io.files import write_atomically, write_error
from ibtrain.report.mpl import FFMpegWriter, Figure, PillowWriter, without_warnings
from ibtrain.report.plane import PlanePanel, plane_figure, shared_axes
from ibtrain.report.style import PICTURE_FORMATS, check_picture, save_figure, styled

__all__ = ["PLANE_FORMATS", "save_plane"]

FILM_FORMATS = (".gif", ".mp4")
PLANE_FORMATS = (*PICTURE_FORMATS, *FILM_FORMATS)
FRAMES_PER_SECOND = 2
FILM_DPI = 150


def save_plane(panels: Sequence[PlanePanel], path: Path) -> None:
    """Saves the plane as a picture or, as ``.gif`` or ``.mp4``, as an animation over epochs.

    Raises:
        ConfigError: If the format is unknown.
        RunFolderError: If there are no points, or the animation can't be made.
    """
    check_picture(path, "--output", PLANE_FORMATS)
    if not any(panel.points for panel in panels):
        raise RunFolderError("no points", "a run that recorded its information plane", str(path))
    panels = [panel for panel in panels if panel.points]
    if not shared_axes(panels):
        expected = "points with both, such as those of --measures channel"
        raise RunFolderError("points without I(X; T) and I(T; Y)", expected, str(path))
    if path.suffix.lower() in FILM_FORMATS:
        _save_film(panels, path)
    else:
        save_figure(plane_figure(panels), path)


def _save_film(panels: Sequence[PlanePanel], path: Path) -> None:
    ending = path.suffix.lower()
    if ending == ".mp4" and not FFMpegWriter.isAvailable():
        expected = "an installed ffmpeg to write .mp4 (or use .gif)"
        raise RunFolderError("no ffmpeg on this machine", expected, str(path))
    try:
        # matplotlib logs ffmpeg's messages, which are in the error too
        with without_warnings():
            film = _film(panels, ending)
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


def _film(panels: Sequence[PlanePanel], ending: str) -> bytes:
    """Renders the animation; returns the content of the file.

    Raises:
        OSError: If the temporary file can't be written.
        CalledProcessError: If ffmpeg fails.
    """
    epochs = sorted({point.epoch for panel in panels for point in panel.points})
    hold = [epochs[-1]] * (2 * FRAMES_PER_SECOND)
    writer = (FFMpegWriter if ending == ".mp4" else PillowWriter)(fps=FRAMES_PER_SECOND)
    with TemporaryDirectory() as scratch:
        film = Path(scratch, f"film{ending}")
        writer.setup(plane_figure(panels), str(film), dpi=FILM_DPI)
        # if ffmpeg fails, the pipe breaks, and finish() raises ffmpeg's error
        with suppress(BrokenPipeError):
            for epoch in [*epochs, *hold]:
                _add_frame(writer, plane_figure(panels, until=epoch))
        writer.finish()
        return film.read_bytes() if film.exists() else b""


@styled
def _add_frame(writer: FFMpegWriter | PillowWriter, figure: Figure) -> None:
    writer.fig = figure
    writer.grab_frame()
