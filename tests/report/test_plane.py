"""What the plane's picture shows of its points."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ibtrain.errors import RunFolderError
from ibtrain.mi.result import Estimate
from ibtrain.plane.point import PlanePoint
from ibtrain.report.film import save_plane
from ibtrain.report.plane import PlanePanel, _paths, plane_figure


def point(seed: int, epoch: int, mi: float, flags: tuple[str, ...] = ()) -> PlanePoint:
    estimate = Estimate(mi, 0.01, "mine", 8.0, flags, 100, 100)
    names = ("mi_xt", "mi_ty", "mi_xt_channel", "mi_ty_channel")
    return PlanePoint("layerwise", seed, "hidden1", epoch, {}, dict.fromkeys(names, estimate))


def test_a_path_is_the_mean_over_seeds_and_ends_where_each_seed_ended() -> None:
    early = [point(0, 0, 1.0), point(0, 1, 2.0), point(0, 2, 3.0), point(0, 2, 3.5)]
    late = [point(1, 0, 2.0), point(1, 1, 4.0), point(1, 3, 5.0), point(1, 5, 6.5)]
    (path,) = _paths([*early, *late], "mi_xt", "mi_ty")
    assert path.epochs.tolist() == [0, 1, 5]
    np.testing.assert_allclose(path.xy[:, 0], [1.5, 3.0, 5.0])
    np.testing.assert_allclose(path.error[-1], np.std([3.5, 6.5], ddof=1))
    assert not path.flagged


def test_an_end_that_touches_a_limit_is_marked() -> None:
    (path,) = _paths([point(0, 0, 1.0), point(0, 1, 8.0, ("above_ceiling",))], "mi_xt", "mi_ty")
    assert path.flagged


def test_the_caption_tells_noise_samples_and_seeds_of_each_run() -> None:
    points = [point(seed, epoch, 1.0) for seed in (0, 1) for epoch in (0, 1)]
    other = [
        replace(p, estimates={k: replace(v, n_test=77) for k, v in p.estimates.items()})
        for p in points
        if p.seed == 0
    ]
    figure = plane_figure([PlanePanel("a", points, "sigma 0.5"), PlanePanel("b", other, "sigma 2")])
    caption = figure.get_supxlabel()
    assert "sigma 0.5\nN = 100 test samples; mean of 2 seeds" in caption
    assert "sigma 2\nN = 77 test samples; one seed" in caption


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
    panel = PlanePanel("a", [point(0, epoch, 1.0) for epoch in (0, 1)], "sigma 0.5")
    with pytest.raises(RunFolderError) as error:
        save_plane([panel], tmp_path / "film.mp4")
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
