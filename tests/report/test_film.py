"""Films of the plane, and files that can't be written."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pictures import network_points, panel, point
from PIL import Image

from ibtrain.errors import RunFolderError
from ibtrain.report.film import save_plane
from ibtrain.report.frames import FilmFrames, frame_epochs
from ibtrain.report.panels import PlanePanel
from ibtrain.report.style import styled
from ibtrain.report.view import PlaneView


@pytest.fixture(autouse=True)
def _few_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibtrain.report.frames.FEWEST_FRAMES", 4)
    monkeypatch.setattr("ibtrain.report.film.HOLD_FRAMES", 1)


def test_frames_are_evenly_spaced_on_the_scale_of_epochs() -> None:
    epochs = frame_epochs(20, 6)
    assert len(epochs) == 6
    np.testing.assert_allclose(np.diff(np.log1p(epochs)), np.log(21) / 5)
    assert len(frame_epochs(20, 2)) == 4
    assert epochs[-1] == 20
    assert len(frame_epochs(8000, 1000)) == 240
    assert frame_epochs(0, 1) == [0]


def test_a_frame_is_the_same_whatever_was_drawn_before() -> None:
    curve = {"hidden1": [(1, 0.5), (20, 0.9)], "network": [(1, 0.6), (20, 0.8)]}
    panels = [replace(panel(network_points(["hidden1", "output"])), accuracies=curve)]
    frames = styled(FilmFrames)(panels, PlaneView(measures=("channel",)))
    first, middle, last = (frames.draw(epoch) for epoch in (0, 3, 20))
    assert (frames.draw(3) == middle).all()
    assert (frames.draw(0) == first).all()
    # the path grows, and so does the number of pixels with colour
    coloured = [(np.ptp(frame[..., :3], axis=-1) > 50).sum() for frame in (first, middle, last)]
    assert coloured[0] < coloured[1] < coloured[2]


def test_a_film_has_the_frames(tmp_path: Path) -> None:
    save_plane([panel(network_points(["h"]))], tmp_path / "film.gif", PlaneView(seeds="median"))
    with Image.open(tmp_path / "film.gif") as film:
        assert getattr(film, "n_frames", 1) == 5


def test_ffmpeg_is_given_every_pixel_of_every_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test's ffmpeg writes what it reads, after its arguments."""
    (tmp_path / "ffmpeg").write_text('#!/bin/sh\nfor last; do :; done\n(echo "$@"; cat) > "$last"')
    (tmp_path / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    save_plane([panel(network_points(["h"]))], tmp_path / "film.mp4", PlaneView(seeds="median"))
    arguments, _, frames = (tmp_path / "film.mp4").read_bytes().partition(b"\n")
    words = arguments.decode().split()
    width, height = map(int, words[words.index("-s") + 1].split("x"))
    assert words[words.index("-pix_fmt") + 1] == "rgba"
    assert (width % 2, height % 2) == (0, 0)
    assert len(frames) == 6 * width * height * 4


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("#!/bin/sh\necho 'starting\nUnknown encoder h264' >&2; exit 1", "Unknown encoder h264"),
        ("#!/bin/sh\ncat > /dev/null; exit 3", "exit 3"),
        ("#!/bin/sh\ncat > /dev/null", "it wrote nothing"),
        ("#!/bin/sh\nexit 0", "it wrote nothing"),
        ("no program", "Exec format error"),
    ],
)
def test_an_ffmpeg_that_fails_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    script: str,
    reason: str,
) -> None:
    (tmp_path / "ffmpeg").write_text(script)
    (tmp_path / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    broken = PlanePanel("a", [point(0, epoch, 1.0) for epoch in (0, 1)], "sigma 0.5")
    with pytest.raises(RunFolderError) as error:
        save_plane([broken], tmp_path / "film.mp4")
    assert error.value.exit_code == 2
    assert str(error.value) == (
        f"{tmp_path}/film.mp4: got an ffmpeg that failed ({reason}), "
        "expected an ffmpeg that writes H.264 (or use .gif)"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["ffmpeg"]
    assert not caplog.records


@pytest.mark.parametrize("ending", ["png", "svg", "pdf", "gif"])
def test_names_of_any_letters_are_drawn(tmp_path: Path, ending: str) -> None:
    points = [
        replace(point(0, epoch, 1.0), layer=layer)
        for layer in ("\udcff", "\u6570", "\x1b[2J")
        for epoch in (0, 1)
    ]
    save_plane([PlanePanel("\u6570", points, "\u0639")], tmp_path / f"plane.{ending}")
    assert (tmp_path / f"plane.{ending}").stat().st_size > 5000
