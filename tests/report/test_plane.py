"""What the plane's picture shows of its points."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pictures import (
    ENTROPY,
    LN_N,
    TRAINING,
    check_texts,
    drawn_texts,
    estimate,
    network_points,
    panel,
    point,
)
from pictures import with_values as changed

from ibtrain.config import MEASURES, PlaneConfig
from ibtrain.errors import ConfigError
from ibtrain.plane.measures import measure_class
from ibtrain.plane.point import PlanePoint
from ibtrain.report.caption import caption
from ibtrain.report.panels import PlanePanel, rows_of
from ibtrain.report.plane import PlanePicture, plane_figure
from ibtrain.report.style import styled
from ibtrain.report.view import PLANE_STYLES, PlaneView

THREE = ("hidden1", "hidden2", "output")
FLAGS = ("lagging", "overfit", "not_converged", "negative", "above_ceiling", "above_label_entropy")


def with_every_flag() -> list[PlanePoint]:
    """Each epoch has another flag, and the last one an audit that found more."""
    points = [point(0, epoch, 4 + epoch, 1.0, flag) for epoch, flag in enumerate(FLAGS)]
    more = {
        "mi_xt_audit": estimate(9.8),
        "mi_ty_audit": estimate(1.01),
        "mi_xt": estimate(8.9, *FLAGS[-2:]),
    }
    return [*points[:-1], changed(points[-1], **more)]


PICTURES = {
    "one method": [panel(network_points(THREE))],
    "one layer at one epoch": [panel(network_points(["h"], epochs=[0]))],
    "three seeds": [panel(network_points(THREE, 3)), panel(network_points(THREE, 3), "backprop")],
    "four runs": [
        panel(network_points(THREE), f"compare-fashion-mnist-2026112{run}-083913\n{method}")
        for run in range(4)
        for method in ("layer-wise", "end-to-end")
    ],
    "every flag": [panel(with_every_flag()), panel(network_points(THREE), "backprop")],
    "long names": [panel(network_points(["encoder.layers.0.self_attention.out_proj" * 3, "W" * 90]))],
    "nine layers": [panel(network_points([f"features.{n}" for n in range(9)]))] * 2,
}  # fmt: skip


@pytest.mark.parametrize("style", PLANE_STYLES)
@pytest.mark.parametrize("name", PICTURES)
def test_no_text_overlaps_another_or_is_cut_off(name: str, style: str) -> None:
    measures = () if style == "layers" and name == "every flag" else ("channel",)
    check_texts(plane_figure(PICTURES[name], PlaneView(style=style, measures=measures)))


def test_snapshots_and_all_seeds_have_legible_texts() -> None:
    check_texts(plane_figure(PICTURES["three seeds"], PlaneView(at=(0, 2, 20), seeds="all")))


def shown(points: list[PlanePoint], **view: object) -> PlanePicture:
    draw = styled(lambda: PlanePicture([panel(points)], PlaneView(**view)))  # type: ignore[arg-type]
    return draw()


def texts(picture: PlanePicture) -> str:
    return "\n".join(text.get_text() for text in drawn_texts(picture.figure))


def test_the_legend_names_the_flags_that_occur() -> None:
    words = texts(shown(with_every_flag()))
    assert "flagged: lagging, negative, not_converged, overfit" in words
    assert "hollow: at a limit (saturated)" in words
    assert "a fresh critic found more" in words
    words = texts(shown(network_points(THREE)))
    assert not any(mark in words for mark in ("flagged", "saturated", "fresh", "lower bound,"))


def test_the_exact_row_is_first_and_a_bound_below_it_is_marked() -> None:
    points = [changed(p, mi_xt=estimate(3.0)) for p in network_points(THREE)]
    assert [row.measure for row in rows_of([panel(points)], PlaneView())] == ["channel", "mine"]
    assert "a lower bound, below the exact value" in texts(shown(points))


def test_the_axes_follow_the_values_and_an_arrow_tells_a_limit_that_is_far_away() -> None:
    picture = shown(network_points(THREE), measures=("channel",))
    axis = picture.grid.axes[0][0][0]
    assert axis.get_xlim()[1] < 7 < LN_N
    assert f"ln N = {LN_N:.2f} ↓" in texts(picture)
    near = [point(0, epoch, LN_N - 2 + 1.9 * epoch) for epoch in (0, 1)]
    picture = shown(near, measures=("channel",))
    assert picture.grid.axes[0][0][0].get_xlim()[1] > LN_N
    assert "↓" not in texts(picture)


@pytest.mark.parametrize("style", PLANE_STYLES)
def test_each_panel_has_the_limits_of_its_own_samples(style: str) -> None:
    few = [
        changed(p, **{n: replace(e, ceiling=6.75) for n, e in p.estimates.items() if "xt" in n})
        for p in network_points(THREE)
    ]
    draw = styled(PlanePicture)
    view = PlaneView(style=style, measures=("channel",))
    words = texts(draw([panel(network_points(THREE)), panel(few)], view))
    assert "ln N = 8.00" in words
    assert "ln N = 6.75" in words


def test_a_small_difference_is_not_magnified() -> None:
    picture = shown([point(0, epoch, 5 + 0.001 * epoch) for epoch in (0, 1)])
    assert np.ptp(picture.grid.axes[0][0][0].get_xlim()) > 0.2


def test_measures_of_very_different_values_have_their_own_axes() -> None:
    points = network_points(THREE)
    close = [changed(p, mi_xt=estimate(p.estimates["mi_xt"].mi + 0.1)) for p in points]
    narrow = [changed(p, mi_xt=estimate(7 + 0.1 * p.epoch / 20)) for p in points]
    for changed_points, are_equal in ((close, True), (narrow, False)):
        (first,), (second,) = (row[0] for row in shown(changed_points).grid.axes)
        assert (first.get_xlim() == second.get_xlim()) == are_equal


def test_bits_are_nats_over_ln_2() -> None:
    picture = shown(network_points(THREE), unit="bits")
    assert f"log2 N = {LN_N / np.log(2):.2f}" in texts(picture)
    assert "I(X; T)  [bits]" in texts(picture)
    low, high = picture.grid.axes[0][0][0].get_xlim()
    values = [p.estimates["mi_xt"].mi / np.log(2) for p in network_points(THREE)]
    assert low < min(values) < max(values) < high


@pytest.mark.parametrize("style", PLANE_STYLES)
def test_until_shows_the_epochs_up_to_a_last_one(style: str) -> None:
    picture = shown(network_points(["hidden1"]), style=style, until=2)
    axis = picture.grid.axes[0][0][0]
    offsets = np.concatenate([collection.get_offsets() for collection in axis.collections])
    assert (offsets[:, 0] == 0).all() or len([o for o in offsets if o.any()]) == 3


@pytest.mark.parametrize("style", PLANE_STYLES)
def test_a_moment_before_the_first_point_is_empty(style: str) -> None:
    picture = shown(network_points(THREE, epochs=[20]), style=style, at=(3, 20))
    assert "until epoch 3" in texts(picture)
    assert style != "layers" or "\nepoch 20\n" in texts(picture)


def test_snapshots_are_panels_of_growing_paths() -> None:
    picture = shown(network_points(["hidden1"]), at=(0, 2, 20), measures=("channel",))
    axes = picture.grid.axes[0][0]
    assert [axis.get_title().split("\n")[-1] for axis in axes] == [
        "until epoch 0", "until epoch 2", "until epoch 20",
    ]  # fmt: skip
    ends = [
        line.get_xdata()[0]
        for axis in axes
        for line in axis.lines
        if line.get_marker() == "o" and len(line.get_xdata())
    ]
    np.testing.assert_allclose(ends, [6.0, 6.06, 6.6])


def test_every_seed_has_its_path() -> None:
    points = network_points(["hidden1"], 3)
    ends = {
        seeds: len(shown(points, seeds=seeds, measures=("channel",)).grid.axes[0][0][0].lines)
        for seeds in ("mean", "median", "all")
    }
    assert ends["all"] > 2 * ends["mean"] == 2 * ends["median"]


def test_the_epochs_style_joins_the_layers_of_an_epoch() -> None:
    picture = shown(network_points(THREE), style="epochs", measures=("channel",))
    (lines, *_) = picture.grid.axes[0][0][0].collections
    np.testing.assert_allclose(lines.get_segments()[0], [(6, 1), (5.6, 1), (5.2, 1)])
    assert len(lines.get_segments()) == 5


def test_the_caption_tells_noise_samples_and_seeds_of_each_run() -> None:
    pair = [panel(network_points(THREE, 2)), panel(network_points(THREE, 2), "backprop")]
    (line,) = caption(pair, PlaneView()).splitlines()
    assert line == (
        "digits: σ = 0.16 × radius of h; N = 100 test samples; mean of 2 seeds, bars: ± s.d.; "
        + TRAINING
    )
    other = PlanePanel("b", network_points(THREE), "mnist", "σ = 1", on="train")
    assert (
        "\nb: mnist: σ = 1; N = 100 training samples; one seed, bars: ± standard error"
        in caption([*pair, other], PlaneView())
    )


def test_the_caption_tells_which_run_has_which_objective_and_bins() -> None:
    points = network_points(THREE)
    first, second = (
        replace(panel(points, f"{name}\nlayer-wise"), training=training, conditions={"mine": bins})
        for name, training, bins in (("a", "β = 0", "30 bins"), ("b", "β = 1", "30 bins"))
    )
    mine = PlaneView(measures=("mine",))
    assert caption([first, second], mine).endswith("standard error; a: β = 0; b: β = 1")
    assert caption([first, second], mine).startswith("digits: 30 bins; N = 100")
    # measures without conditions of their own depend on the noise
    text = caption([first], PlaneView())
    assert text.startswith("digits: σ = 0.16 × radius of h; 30 bins; N = 100")
    other = replace(second, conditions={"mine": "4 bins"})
    lines = caption([first, other], mine).splitlines()
    assert [line.partition("; ")[0] for line in lines] == [
        "a: digits: 30 bins",
        "b: digits: 4 bins",
    ]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "30 bins over each layer's range at each point"),
        ({"bin_range": (-1.0, 1.0)}, "30 bins from -1 to 1"),
        ({"bin_rule": "idnns", "num_bins": 10}, "10 bin edges from -1 to 1"),
        ({"bin_rule": "activation"}, "30 bins over the range of the activation function"),
        ({"bin_size": 0.5}, "bins of width 0.5"),
    ],
)
def test_binned_values_depend_on_their_bins(settings: dict[str, Any], words: str) -> None:
    assert measure_class("binned").conditions(PlaneConfig(**settings), "σ = 1") == words


def test_each_measure_names_its_conditions() -> None:
    config = PlaneConfig(kde_noise="fitted")
    words = {name: measure_class(name).conditions(config, "σ = 1") for name in MEASURES}
    assert {name for name, text in words.items() if "σ = 1" not in text} == {
        "binned", "dropout", "pairwise", "quantised",
    }  # fmt: skip
    assert words["compressed"] == "σ = 1; 4 principal components"
    assert words["dropout"] == "Gaussian dropout of variance 0.25"
    assert words["quantised"] == "activations in 8 bits"
    assert words["pairwise"] == "kernels fitted to each layer"
    assert measure_class("pairwise").conditions(PlaneConfig(), "σ = 1") == "σ = 1"


def test_the_caption_tells_the_noise_of_all_layers() -> None:
    points = network_points(THREE)
    points[0].scalars["sigma"] = 2.25
    assert "radius of h (0.5 to 2.2 over layers and epochs)" in caption(
        [panel(points)], PlaneView()
    )


def test_a_measure_that_was_not_taken_is_told() -> None:
    with pytest.raises(ConfigError, match="'binned', expected one of channel, mine"):
        shown(network_points(THREE), measures=("channel", "binned"))


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"style": "dots"}, "--style: got 'dots'"),
        ({"seeds": "max"}, "--seeds: got 'max'"),
        ({"unit": "bytes"}, "--unit: got 'bytes'"),
        ({"until": -1.0}, "--until: got -1.0"),
        ({"at": (1.0, float("nan"))}, "--at: got nan"),
        ({"at": (1.0,) * 13}, "--at: got 13 epochs, expected at most 12"),
        ({"at": (1.0,), "until": 2.0}, "got --until and --at, expected one of them"),
    ],
)
def test_a_choice_that_is_none_is_told(choice: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        PlaneView(**choice)  # type: ignore[arg-type]
    assert message in str(error.value)


def test_the_label_entropy_is_drawn() -> None:
    high = [point(0, epoch, 5.0, ENTROPY - 0.05 * (2 - epoch)) for epoch in (0, 1)]
    assert f"H(Y) = {ENTROPY:.2f}" in texts(shown(high))
