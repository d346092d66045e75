"""What the picture of a training shows of its events."""

import pytest

from ibtrain.report.curves import curves_figure


@pytest.mark.parametrize(
    ("metrics", "lines"),
    [
        ({"mi_hy": 1.0, "mi_xt": 2.0}, 2),
        ({"hidden1.mi_ty": 0.5, "mi_hy": 1.0}, 2),
        ({"prototype_loss": 1.0}, 0),
    ],
)
def test_bounds_are_drawn_where_there_are_some(metrics: dict[str, float], lines: int) -> None:
    event = {"method": "layerwise", "stage": "network", "seed": 0, "test_accuracy": 0.5}
    figure = curves_figure([event | metrics] * 3)
    accuracy, bounds = figure.axes
    assert len(accuracy.lines) == 1
    assert len(bounds.lines) == lines
    assert bounds.get_visible() == bool(lines)
