"""Where a limit is drawn, and where its arrow points."""

import math
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ibtrain.report.limits import draw_limit

ARROWS = {"↑": (0, 1), "↓": (0, -1)}


def drawn(direction: str, value: float) -> Any:
    """An axis from 2 to 6 with a limit."""
    axis = Figure().add_subplot()
    axis.set(xlim=(2, 6), ylim=(2, 6))
    draw_limit(axis, direction, "ln N", value)
    FigureCanvasAgg(axis.figure).draw()
    return axis


@pytest.mark.parametrize("direction", ["x", "y"])
@pytest.mark.parametrize("value", [1.0, 8.0])
def test_the_arrow_of_a_limit_beyond_the_axis_points_to_it(direction: str, value: float) -> None:
    axis = drawn(direction, value)
    assert not axis.lines
    (text,) = axis.texts
    angle = math.radians(text.get_rotation())
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    sign = math.copysign(1, value - 4)
    towards = (sign, 0) if direction == "x" else (0, sign)
    np.testing.assert_allclose(rotation @ ARROWS[text.get_text()[-1]], towards, atol=1e-12)
    # the text is at the edge that is next to the limit
    box, frame = text.get_window_extent(), axis.get_window_extent()
    middle = (box.x0 + box.x1) / 2 if direction == "x" else (box.y0 + box.y1) / 2
    centre = (frame.x0 + frame.x1) / 2 if direction == "x" else (frame.y0 + frame.y1) / 2
    assert math.copysign(1, middle - centre) == sign


@pytest.mark.parametrize("direction", ["x", "y"])
def test_a_limit_on_the_axis_is_a_line_without_an_arrow(direction: str) -> None:
    axis = drawn(direction, 5.0)
    (line,) = axis.lines
    assert set(line.get_xdata() if direction == "x" else line.get_ydata()) == {5.0}
    assert axis.texts[0].get_text() == "ln N = 5.00"
    assert not drawn(direction, math.inf).texts
