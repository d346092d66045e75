"""Pictures of gradients, of information profiles, of single units and of training shares."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from pictures import ENTROPY, LN_N, check_texts, drawn_texts, estimate, network_points, panel

from ibtrain.errors import ConfigError
from ibtrain.plane.measures.profile import RADIUS_SHARES
from ibtrain.plane.point import PlanePoint
from ibtrain.report.figures import FIGURES
from ibtrain.report.panels import PlanePanel
from ibtrain.report.paths import layer_style
from ibtrain.report.view import PLANE_STYLES, STYLES, PlaneView

THREE = ("hidden1", "hidden2", "output")
EPOCHS = (0, 1, 2, 5, 20)
NEW_STYLES = [style for style in STYLES if style not in PLANE_STYLES]
UNITS = ("xt_unit", "xt_unit_min", "xt_unit_max", "ty_unit", "ty_unit_min", "ty_unit_max")


def gradient(point: PlanePoint) -> tuple[float, float]:
    """Mean and standard deviation, which cross between epochs 2 and 5."""
    scale = (1 + THREE.index(point.layer)) if point.layer in THREE else 1
    return 0.3 * scale / (1 + point.epoch) ** 2, 0.08 * scale / (1 + point.epoch)


def profile_value(point: PlanePoint, share: float) -> float:
    return LN_N / (1 + (8 - 0.1 * point.epoch + point.seed) * share**2)


def unit_value(point: PlanePoint, index: int) -> float:
    """Mean, minimum and maximum of H(T_j), then of I(T_j; Y)."""
    return (1.5, 0.5, 3.0, 0.6, 0.1, 1.2)[index] * (1 + 0.02 * point.epoch + 0.1 * point.seed)


def complete(point: PlanePoint) -> PlanePoint:
    """A point with the values of all measures that are drawn."""
    mean, std = gradient(point)
    profile = {
        f"mi_xt_at_{share}": estimate(profile_value(point, share), *["above_ceiling"] * (share < 0.03))
        for share in RADIUS_SHARES
    }  # fmt: skip
    units = {
        f"mi_{name}": estimate(unit_value(point, index), ceiling=ENTROPY if index > 2 else LN_N)
        for index, name in enumerate(UNITS)
    }
    scalars = {"gradient_mean": mean, "gradient_std": std}
    return replace(
        point, scalars=point.scalars | scalars, estimates=point.estimates | profile | units
    )


def points(layers: Sequence[str] = THREE, seeds: int = 1, **options: Any) -> list[PlanePoint]:
    return [complete(point) for point in network_points(layers, seeds, **options)]


def with_shares(*panels: PlanePanel) -> list[PlanePanel]:
    return [replace(p, train_share=0.05 * 2**index) for index, p in enumerate(panels)]


def drawn(panels: Sequence[PlanePanel], style: str, **view: Any) -> Figure:
    measures = ("channel",) if style == "shares" else ()
    return FIGURES[style](panels, PlaneView(style=style, measures=measures, **view))


def words(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in drawn_texts(figure))


def axes_of(figure: Figure) -> list[Any]:
    """The axes with a title or a label, without colour bars."""
    return [axis for axis in figure.axes if axis.get_label() != "<colorbar>"]


def curves(axis: Any) -> list[Any]:
    """The lines with data that are no limits, by colour and style."""
    return [line for line in axis.lines if len(line.get_xdata()) > 2]


def one_epoch() -> list[PlanePoint]:
    return points(["h"], epochs=[0])


PICTURES = {
    "one method": [panel(points())] * 2,
    "one layer at one epoch": [panel(one_epoch())] * 2,
    "three seeds": [panel(points(seeds=3)), panel(points(seeds=3), "End-to-end (backprop)")],
    "four runs": [
        panel(points(), f"compare-fashion-mnist-2026112{run}-083913\n{method}")
        for run in range(4)
        for method in ("layer-wise", "end-to-end")
    ],
    "long names": [panel(points(["encoder.layers.0.self_attention.out_proj" * 3, "W" * 90]))] * 2,
    "nine layers": [panel(points([f"features.{n}" for n in range(9)]))] * 2,
}

LARGE = [("four runs", "units"), ("nine layers", "units")]


def test_every_style_has_a_figure() -> None:
    assert tuple(FIGURES) == STYLES


@pytest.mark.parametrize(
    ("name", "style"),
    [
        pytest.param(name, style, marks=[pytest.mark.slow] * ((name, style) in LARGE))
        for name in PICTURES
        for style in NEW_STYLES
    ],
)
def test_no_text_overlaps_another_or_is_cut_off(name: str, style: str) -> None:
    check_texts(drawn(with_shares(*PICTURES[name]), style))


def test_profiles_at_epochs_have_legible_texts() -> None:
    check_texts(drawn(PICTURES["three seeds"], "profile", at=(0, 2, 20), seeds="all", unit="bits"))


@pytest.mark.parametrize("seeds", ["mean", "median", "all"])
def test_gradients_are_those_of_the_points(seeds: str) -> None:
    one_layer = [p for p in points(seeds=3) if p.layer == "hidden2"]
    axis, *_ = axes_of(drawn([panel(one_layer)], "gradients", seeds=seeds))
    lines = curves(axis)
    assert len(lines) == (6 if seeds == "all" else 2)
    expected = np.transpose([gradient(point) for point in one_layer[:5]])
    for line, values in zip(lines, [*expected] * 3, strict=False):
        assert line.get_xdata().tolist() == list(EPOCHS)
        np.testing.assert_allclose(line.get_ydata(), values)
    assert lines[0].get_linestyle() != lines[1].get_linestyle()


def test_a_mean_over_seeds_is_the_mean() -> None:
    pair = points(["h"], 2)
    other = [
        replace(p, scalars=p.scalars | {"gradient_mean": (1 + 2 * p.seed) * gradient(p)[0]})
        for p in pair
    ]
    axis, *_ = axes_of(drawn([panel(other)], "gradients"))
    np.testing.assert_allclose(
        curves(axis)[0].get_ydata(), [2 * gradient(point)[0] for point in pair[:5]]
    )


def test_a_layer_without_weights_has_no_gradients() -> None:
    without = [
        replace(p, layer="pool", scalars={"sigma": 0.5}) if p.layer == "hidden2" else p
        for p in points()
    ]
    figure = drawn([panel(without)], "gradients")
    assert len(curves(axes_of(figure)[0])) == 4
    assert "pool" not in words(figure)


def test_gradients_of_zero_are_left_out() -> None:
    zero = [replace(p, scalars={"gradient_mean": 0.0, "gradient_std": 0.0}) for p in points(["h"])]
    check_texts(drawn([panel(zero)], "gradients"))


def test_the_change_of_phase_is_in_the_legend_if_it_is_drawn() -> None:
    assert "change of phase" in words(drawn([panel(points())], "gradients"))
    assert "change of phase" not in words(drawn([panel(points())], "gradients", until=5))


def test_gradients_need_no_information() -> None:
    alone = [replace(point, estimates={}) for point in points()]
    text = words(drawn([panel(alone)], "gradients"))
    assert "digits; batches of training samples; one seed; β" in text


@pytest.mark.parametrize(("unit", "factor"), [("nats", 1.0), ("bits", 1 / math.log(2))])
def test_a_profile_is_that_of_the_last_point(unit: str, factor: float) -> None:
    figure = drawn([panel(points())], "profile", unit=unit)
    axis, *_ = axes_of(figure)
    lines = curves(axis)
    assert len(lines) == 3
    lasts = [point for point in points() if point.epoch == 20]
    for index, (line, point) in enumerate(zip(lines, lasts, strict=True)):
        assert line.get_xdata().tolist() == list(RADIUS_SHARES)
        expected = [factor * profile_value(point, share) for share in RADIUS_SHARES]
        np.testing.assert_allclose(line.get_ydata(), expected)
        np.testing.assert_allclose(line.get_color(), _rgb(layer_style(index, 3)[0]))
    assert f"{'ln' if unit == 'nats' else 'log2'} N = {factor * LN_N:.2f}" in words(figure)
    assert "saturated" in words(figure)
    assert "epoch 20" in words(figure)


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))


def test_profiles_at_epochs_are_lighter_if_earlier() -> None:
    hidden = points(["hidden1"])
    figure = drawn([panel(hidden)], "profile", at=(20, 0, 4))
    lines = curves(axes_of(figure)[0])
    for line, epoch in zip(lines, (0, 2, 20), strict=True):
        (point,) = [p for p in hidden if p.epoch == epoch]
        np.testing.assert_allclose(
            line.get_ydata(), [profile_value(point, share) for share in RADIUS_SHARES]
        )
    brightness = [sum(line.get_color()) for line in lines]
    assert brightness == sorted(brightness, reverse=True)
    assert len(set(brightness)) == 3
    assert "epoch 0\nepoch 2\nepoch 20" in words(figure)


@pytest.mark.parametrize(("unit", "factor"), [("nats", 1.0), ("bits", 1 / math.log(2))])
def test_units_have_their_mean_in_a_band(unit: str, factor: float) -> None:
    every = points(seeds=3)
    axes = axes_of(drawn([panel(every)], "units", unit=unit))
    assert len(axes) == 6
    for column, layer in enumerate(THREE):
        second = [p for p in every if (p.layer, p.seed) == (layer, 1)]
        for quantity in (0, 1):
            axis = axes[3 * quantity + column]
            mean, low, high = (
                [factor * unit_value(point, 3 * quantity + part) for point in second]
                for part in range(3)
            )
            (line,) = curves(axis)
            # the second of three seeds is their mean
            np.testing.assert_allclose(line.get_ydata(), mean)
            (band,) = axis.collections
            corners = {tuple(np.round(corner, 9)) for corner in band.get_paths()[0].vertices}
            expected = [*zip(EPOCHS, low, strict=True), *zip(EPOCHS, high, strict=True)]
            assert {tuple(np.round(corner, 9)) for corner in expected} <= corners


def test_the_last_points_are_coloured_by_the_training_share() -> None:
    panels = with_shares(panel(points()), panel(points(seeds=2)[15:]), panel(points()))
    figure = drawn(panels, "shares")
    axis, *_ = axes_of(figure)
    lines = curves(axis)
    for line, one in zip(lines, panels, strict=True):
        lasts = [p.estimates for p in one.points if p.epoch == 20]
        expected = [[e["mi_xt_channel"].mi, e["mi_ty_channel"].mi] for e in lasts]
        np.testing.assert_allclose(line.get_xydata(), expected)
    assert len({tuple(line.get_color()) for line in lines}) == 3
    assert "5 %\n10 %\n20 %" in words(figure)


def test_shares_of_several_seeds_are_lines_of_one_colour() -> None:
    figure = drawn(with_shares(panel(points(seeds=2)), panel(points())), "shares", seeds="all")
    axis, *_ = axes_of(figure)
    first, second, third = curves(axis)
    assert first.get_color() == second.get_color() != third.get_color()
    # only a single seed has bars, its standard errors
    lengths = [np.ptp(bar, axis=0).max() for c in axis.collections for bar in c.get_segments()]
    np.testing.assert_allclose(lengths, [0.0] * 12 + [0.02] * 6)


def test_each_method_has_its_panel_of_shares() -> None:
    backprop = [replace(point, method="end_to_end") for point in points()]
    pair = [panel(backprop, "a\nend-to-end"), panel(points(), "a\nlayer-wise")]
    figure = drawn([*pair, *(replace(p, train_share=0.1) for p in pair)], "shares")
    axes = [axis for axis in axes_of(figure) if axis.get_title()]
    assert [axis.get_title() for axis in axes] == ["Layer-wise", "End-to-end"]
    assert [len(curves(axis)) for axis in axes] == [2, 2]


def test_runs_with_one_share_are_told() -> None:
    with pytest.raises(ConfigError, match="one training share, 1, expected runs with several"):
        drawn([panel(points())] * 2, "shares")


@pytest.mark.parametrize(
    ("style", "measure"), [("gradients", "gradients"), ("profile", "profile"), ("units", "binned")]
)
def test_a_run_without_the_values_is_told(style: str, measure: str) -> None:
    pair = [panel(points()), panel(network_points(THREE), "b\nend-to-end")]
    message = (
        f"--style {style}: got b end-to-end, which was not measured with {measure}, expected a run"
    )
    with pytest.raises(ConfigError, match=message):
        drawn(pair, style)


@pytest.mark.parametrize("style", NEW_STYLES)
def test_until_leaves_later_points_out(style: str) -> None:
    panels = with_shares(*[panel(points())] * 2)
    before = with_shares(*[panel([p for p in points() if p.epoch <= 3])] * 2)
    lines = [
        [line.get_xydata() for axis in axes_of(figure) for line in curves(axis)]
        for figure in (drawn(panels, style, until=3), drawn(before, style))
    ]
    assert len(lines[0]) > 0
    for given, expected in zip(*lines, strict=True):
        np.testing.assert_allclose(given, expected)


@pytest.mark.parametrize("style", NEW_STYLES)
def test_an_epoch_before_the_first_point_is_told(style: str) -> None:
    late = with_shares(*[panel(points(epochs=[5, 20]))] * 2)
    with pytest.raises(ConfigError, match=r"--until: got 2, expected an epoch from .* one, 5 "):
        drawn(late, style, until=2)


@pytest.mark.parametrize(
    ("style", "choice"), [("units", {"at": (1.0,)}), ("profile", {"measures": ("channel",)})]
)
def test_a_choice_that_a_style_does_not_have_is_told(style: str, choice: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"--style: got '{style}', expected one of layers, "):
        PlaneView(style=style, **choice)
