"""Points of the plane in files and tables."""

import math
from pathlib import Path

import pytest

from ibtrain import InformationPlane
from ibtrain.errors import RunFolderError
from ibtrain.mi.result import Estimate
from ibtrain.plane.point import PlanePoint
from ibtrain.plane.points import PlanePoints


def points() -> list[PlanePoint]:
    exact = Estimate(1 / 3, 1e-7, "channel", math.log(50), ("above_ceiling", "negative"), 0, 50)
    bits = Estimate(-0.25, 0.5, "mine", math.inf, (), 100, 50, unit="bits")
    return [
        PlanePoint("watched", seed, layer, epoch, {"sigma": 0.1 + 0.2}, {"a": exact, "b": bits})
        for seed in (0, 2**62)
        for layer in ("fc1", 'a "layer",\nwith commas')
        for epoch in (0, 0.375, 10)
    ]


def test_a_saved_plane_is_read_as_it_was(tmp_path: Path) -> None:
    PlanePoints(points()).save(tmp_path / "plane.csv")
    loaded = InformationPlane.load(tmp_path / "plane.csv")
    assert loaded.points == points()
    assert isinstance(loaded.points[0].epoch, int)
    first = (tmp_path / "plane.csv").read_text().splitlines()[2]
    assert first == (
        "watched,0,fc1,0,a,0.3333333333333333,1e-07,nats,3.912023005428146,above_ceiling negative,channel,0,50"
    )


def test_a_frame_has_each_flag_of_a_row_once() -> None:
    first, *others = points()
    repeated = Estimate(0.0, 0.1, "mine", math.inf, ("negative", "overfit"))
    plain = Estimate(1.0, 0.1, "mine", math.inf)
    first.estimates["c"] = repeated
    bare = PlanePoint("watched", 0, "fc2", 0, {}, {"d": plain})
    frame = PlanePoints([first, bare, *others]).to_frame()
    assert list(frame)[-1] == "flags"
    assert frame["flags"][:3].tolist() == [
        "above_ceiling negative overfit", "", "above_ceiling negative"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("method,", "way,", "got other columns, expected the columns method, seed, layer"),
        ("0.3333333333333333", "a third", "line 3: got a broken row .*a third"),
        ("0.3333333333333333", "nan", "plane.csv: point.estimates"),
        (",0,50", "", "line 3: got a broken row"),
        ("fc1,10,", "fc1,-10,", "plane.csv: point.epoch: got -10, expected a finite number of 0"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "plane.csv"
    PlanePoints(points()).save(path)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(RunFolderError, match=message):
        InformationPlane.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"none.csv: got a file that can't be read"):
        InformationPlane.load(tmp_path / "none.csv")
