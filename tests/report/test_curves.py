"""What the pictures of a training show of its events and results."""

from typing import Any

import numpy as np
import pytest
from pictures import check_texts, drawn_texts

from ibtrain.report.curves import curves_figure
from ibtrain.report.layers import layers_figure


def epochs(
    method: str, stages: list[str], count: int = 5, **metrics: float
) -> list[dict[str, Any]]:
    return [
        {"method": method, "stage": stage, "seed": seed, "test_accuracy": 0.9 + 0.01 * epoch}
        | {name: value * (1 - 0.5**epoch) for name, value in metrics.items()}
        for stage in stages
        for seed in (0, 1)
        for epoch in range(1, count + 1)
    ]


LAYERWISE = epochs("layerwise", ["hidden1", "output"], mi_hy=2.0, mi_xt=5.0, train_accuracy=0.95)
BACKPROP = epochs("end_to_end", ["network"], cross_entropy=0.2, train_accuracy=0.97)


def titles(events: list[dict[str, Any]]) -> list[str]:
    return [axis.get_title() for axis in curves_figure(events).axes]


@pytest.mark.parametrize(
    ("metrics", "lines"),
    [
        ({"mi_hy": 1.0, "mi_xt": 2.0}, 2),
        ({"hidden1.mi_ty": 0.5, "mi_hy": 1.0}, 2),
        ({"prototype_loss": 1.0}, 1),
        ({}, 0),
    ],
)
def test_a_panel_is_there_if_it_shows_something(metrics: dict[str, float], lines: int) -> None:
    event = {"method": "layerwise", "stage": "network", "seed": 0, "test_accuracy": 0.5}
    accuracy, *others = curves_figure([event | metrics] * 3).axes
    assert len(accuracy.lines) == 1
    drawn = [[line for line in axis.lines if len(line.get_xdata())] for axis in others]
    assert [len(curves) for curves in drawn] == ([lines] if lines else [])


def test_blocks_that_train_at_once_have_colours_and_bounds_have_lines() -> None:
    event = {"method": "layerwise", "stage": "network", "seed": 0, "test_accuracy": 0.5}
    bounds = {"hidden1.mi_hy": 1.0, "hidden1.mi_xt": 2.0, "mi_hy": 1.5, "mi_xt": 2.5}
    figure = curves_figure([event | bounds] * 3)
    curves = [line for line in figure.axes[1].lines if len(line.get_xdata())]
    looks = [(line.get_color(), line.get_linestyle()) for line in curves]
    assert len(set(looks)) == 4
    assert len({colour for colour, _ in looks}) == len({line for _, line in looks}) == 2
    entries = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"hidden1", "last block", "I(H; Y), batch bound (biased up)"} <= entries


def test_every_recorded_curve_has_a_panel() -> None:
    bounds, loss = "Layer-wise training's bounds", "Training loss"
    both = "Accuracy (layer-wise: of a block's critic)"
    assert titles([*LAYERWISE, *BACKPROP]) == [both, bounds, loss]
    assert titles(LAYERWISE)[0] == "Accuracy, of a block's critic"
    assert titles(BACKPROP) == ["Accuracy", loss]
    assert titles(LAYERWISE)[1:] == [bounds]


def test_training_accuracies_are_drawn() -> None:
    (accuracy, _) = curves_figure(BACKPROP).axes
    test, training = accuracy.lines
    np.testing.assert_allclose(test.get_ydata(), [91, 92, 93, 94, 95])
    np.testing.assert_allclose(training.get_ydata()[-1], 97 * (1 - 0.5**5))


def test_the_three_bounds_differ_in_colour_and_line() -> None:
    (_, axis) = curves_figure(epochs("layerwise", ["h"], mi_hy=1.0, mi_ty=0.9, mi_xt=2.0)).axes
    assert len({line.get_color() for line in axis.lines}) == 3
    assert len({line.get_linestyle() for line in axis.lines}) == 3


def test_epochs_on_the_axis_are_whole() -> None:
    for count in (1, 2, 3):
        (axis, *_) = curves_figure(epochs("end_to_end", ["network"], count)).axes
        assert all(float(tick).is_integer() for tick in axis.get_xticks())


def test_the_entropy_of_the_label_limits_the_bounds() -> None:
    figure = curves_figure(LAYERWISE, label_entropy=2.25)
    texts = [text.get_text() for text in drawn_texts(figure)]
    assert "H(Y) = 2.25" in texts


@pytest.mark.parametrize(
    "events",
    [
        [*LAYERWISE, *BACKPROP],
        BACKPROP,
        [*epochs("layerwise", [f"features.{n}.conv" for n in range(9)], mi_hy=1.0), *BACKPROP],
        epochs("layerwise", ["W" * 200, "output"], mi_hy=1.0),
        epochs("layerwise", [f"h{n}" for n in range(100)], mi_hy=1.0),
    ],
    ids=["both", "one method", "nine blocks", "long names", "many blocks"],
)
def test_no_text_of_the_curves_overlaps_another(events: list[dict[str, Any]]) -> None:
    check_texts(curves_figure(events, label_entropy=2.3))


def results(names: list[str], accuracies: list[float], seeds: int = 1) -> dict[str, Any]:
    layers = [
        {"name": name, "probe_accuracy": value}
        for name, value in zip(names, accuracies, strict=True)
    ]
    seed = {"layers": layers, "test_accuracy": 0.978}
    return {"dataset": "digits", "objective": {}, "layerwise": [seed] * seeds, "end_to_end": []}


def test_the_layers_of_one_seed_are_not_magnified() -> None:
    (axis,) = layers_figure(results(["a", "b"], [0.975, 0.978])).axes
    assert np.ptp(axis.get_ylim()) >= 5
    (axis,) = layers_figure(results(["a", "b"], [0.5, 0.978])).axes
    low, high = axis.get_ylim()
    assert low < 50
    assert high > 97.8


@pytest.mark.parametrize(
    "names",
    [["h"], ["hidden1", "hidden2"], [f"features.{n}.convolution" for n in range(9)], ["W" * 200]],
)
def test_no_text_of_the_layers_overlaps_another(names: list[str]) -> None:
    check_texts(layers_figure(results(names, [0.9] * len(names), 3)))
