"""How the points of a path are drawn."""

import math
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path
from pictures import estimate, point, with_values

from ibtrain.plane.point import PlanePoint
from ibtrain.report.epochs import epoch_share, epoch_ticks
from ibtrain.report.legend import mark_handles
from ibtrain.report.paths import START_MARKER, LayerLine, flag_state, layer_style, shade
from ibtrain.report.points import layer_paths
from ibtrain.report.quantities import PlaneAxes

AXES = PlaneAxes("mi_xt", "mi_ty", "MINE", "mine")
BLUE = layer_style(0, 3)


def drawn(points: list[PlanePoint], until: float = math.inf) -> tuple[Any, dict[str, Any]]:
    """The axis, and its lines with data by their marker."""
    (path,) = layer_paths(points, AXES, "mean")
    axis = Figure().add_subplot()
    LayerLine(axis, path, BLUE, epoch_share(2)).show(until)
    lines = [line for line in axis.lines if len(line.get_xdata())]
    return axis, {str(line.get_marker()): line for line in lines}


@pytest.mark.parametrize(
    ("flags", "state"),
    [
        ((), "plain"),
        (("above_ceiling",), "saturated"),
        (("above_ceiling", "above_label_entropy"), "saturated"),
        (("lagging",), "flagged"),
        (("above_ceiling", "overfit"), "flagged"),
        (("not_converged",), "flagged"),
        (("a_flag_of_tomorrow",), "flagged"),
    ],
)
def test_every_flag_shows_at_the_end_and_along_the_path(flags: tuple[str, ...], state: str) -> None:
    assert flag_state(frozenset(flags)) == state
    _, at_end = drawn([point(0, 0, 1.0), point(0, 1, 2.0, 1.0, *flags)])
    assert at_end["o"].get_markerfacecolor() == (BLUE[0] if state == "plain" else "white")
    assert ("x" in at_end) == (state == "flagged")
    axis, _ = drawn([point(0, 0, 1.0, 1.0, *flags), point(0, 1, 2.0)])
    (first,) = [a for a in axis.collections if [1, 1] in a.get_offsets().data.tolist()]
    is_white = len(first.get_facecolor()) > 0 and first.get_facecolor()[0][:3].tolist() == [1, 1, 1]
    assert is_white == (state == "saturated")
    # a cross has no area to fill
    is_cross = first.get_paths()[0].codes.tolist()[-1] != Path.CLOSEPOLY
    assert is_cross == (state == "flagged")


def test_the_value_of_a_fresh_critic_is_drawn() -> None:
    more = {"mi_xt_audit": estimate(5.0), "mi_ty_audit": estimate(1.0)}
    points = [with_values(point(0, 0, 4.0), **more), point(0, 2, 4.5)]
    _, lines = drawn(points)
    assert lines["+"].get_xydata().tolist() == [[5, 1]]
    _, lines = drawn(points[::-1], until=-1)
    assert lines == {}


def test_the_start_has_strokes_and_no_symbol_that_could_be_a_value_at_a_limit() -> None:
    flagged = [point(0, 0, 1.0, 1.0, "above_ceiling"), point(0, 1, 2.0)]
    axis, lines = drawn(flagged)
    start = lines[START_MARKER]
    assert start.get_xydata().tolist() == [[1, 1]]
    # strokes have no area; a hollow point above them remains visible
    marker = MarkerStyle(START_MARKER)
    assert not marker.is_filled()
    assert Path.CLOSEPOLY not in marker.get_path().codes
    (hollow,) = [a for a in axis.collections if [1, 1] in a.get_offsets().data.tolist()]
    assert hollow.get_zorder() > start.get_zorder()
    handles = [
        (h.get_marker(), h.get_label()) for h in mark_handles(layer_paths(flagged, AXES, "mean"))
    ]
    assert handles == [
        (START_MARKER, "start of a path"),
        ("o", "hollow: at a limit (saturated)"),
    ]
    assert START_MARKER not in drawn([point(0, 0, 1.0)])[1]


def test_a_triangle_points_to_the_exact_value_at_the_end_alone() -> None:
    points = [with_values(point(0, e, 4.0 + e), mi_xt_channel=estimate(7.0)) for e in (0, 1)]
    assert "9" in drawn(points)[1]
    assert "9" not in drawn(points, until=0)[1]
    assert "10" not in drawn(points)[1]


def test_epochs_go_from_light_to_dark() -> None:
    axis, _ = drawn([point(0, epoch, 1.0 + epoch) for epoch in (0, 1, 2)])
    (line, *_) = axis.collections
    first, last = line.get_colors()
    np.testing.assert_allclose(last[:3], to_rgb(BLUE[0]))
    assert (first[:3] >= last[:3]).all()
    np.testing.assert_allclose(shade("black", 0.0), 0.7)
    np.testing.assert_allclose(epoch_share(3)([0, 1, 3]), [0, 0.5, 1])


@pytest.mark.parametrize("count", [1, 8, 9, 30])
def test_layers_have_different_colours(count: int) -> None:
    assert len({layer_style(index, count)[0] for index in range(count)}) == count


@pytest.mark.parametrize(
    ("last", "ticks"),
    [(0, [0]), (1, [0, 1]), (5, [0, 1, 2, 5]), (20, [0, 1, 2, 5, 10, 20]), (11, [0, 1, 2, 5, 11])],
)
def test_ticks_of_epochs(last: float, ticks: list[float]) -> None:
    assert epoch_ticks(last) == ticks
