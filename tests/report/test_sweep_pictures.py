"""Pictures of sweeps: every number is where its run is, and nothing is cut off or overlaps."""

import math
import re
from typing import Any

import numpy as np
import pytest
from pictures import check_texts
from scipy import stats

from ibtrain.report.grid import _wrapped
from ibtrain.report.heatmap import MAX_MAPS, heatmap_figure
from ibtrain.report.learning import learning_figure
from ibtrain.report.sweep import sweep_figures
from ibtrain.runs.comparisons import compare_runs
from ibtrain.runs.summary import RunSummary

BOTH = ("layerwise", "end_to_end")
LONG = "backprop-with-dropout-and-weight-decay"


def run(name: str, settings: dict[str, Any], *accuracies: list[float], failed: bool = False) -> Any:
    methods = BOTH if len(accuracies) == 2 else ("layerwise",)
    found = {
        method: {"test": dict(enumerate(values))}
        for method, values in zip(methods, accuracies, strict=True)
    }
    everything = {"dataset": "digits", "margin": 1.0, **settings}
    return RunSummary(name, everything, {} if failed else found, "NaN" if failed else "")  # type: ignore[arg-type]


def values(level: float, seed: int) -> list[float]:
    return [*(level + np.random.default_rng(seed).normal(0, 0.01, 4))]


def curve_runs(numbers: list[float], key: str = "train_samples") -> list[Any]:
    return [
        run(f"{key}={x}", {key: x}, values(0.8 + 0.01 * k, k), values(0.7 + 0.01 * k, k + 50))
        for k, x in enumerate(numbers)
    ]


def grid(first: list[Any], second: list[Any]) -> list[Any]:
    return [
        run(f"{x},{y}", {"objective.beta": x, "train_samples": y}, values(0.8 + 0.01 * i, i), values(0.7 + 0.01 * j, j + 50))
        for i, x in enumerate(first)
        for j, y in enumerate(second)
    ]  # fmt: skip


def test_points_are_means_and_bars_are_the_intervals_of_student() -> None:
    runs = curve_runs([5000, 1000])
    accuracy, difference = learning_figure(runs, ["train_samples"]).axes
    bars = accuracy.containers[0]
    assert bars.lines[0].get_xdata() == pytest.approx([1000, 5000])
    both = [np.array([*runs[1].test(method).values()]) for method in BOTH]
    assert bars.lines[0].get_ydata()[0] == pytest.approx(100 * both[0].mean())
    segment = bars.lines[2][0].get_segments()[0]
    expected = stats.t.interval(0.95, 3, 100 * both[0].mean(), 100 * stats.sem(both[0]))
    assert segment[:, 1] == pytest.approx(expected)
    pairs = 100 * (both[0] - both[1])
    shown = difference.containers[0]
    assert shown.lines[0].get_ydata()[0] == pytest.approx(pairs.mean())
    expected = stats.t.interval(0.95, 3, pairs.mean(), stats.sem(pairs))
    assert shown.lines[2][0].get_segments()[0][:, 1] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("numbers", "scale"),
    [
        ([1000.0, 5000.0], "linear"), ([1000.0, 10000.0], "log"), ([0.0, 0.2, 0.4], "linear"),
        ([0.0, 1e-4, 1e-2], "symlog"), ([0.0, 1e-3], "linear"), ([-1.0, 10.0, 100.0], "linear"),
        ([0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0], "log"),
    ],
)  # fmt: skip
def test_a_decade_makes_the_axis_logarithmic(numbers: list[float], scale: str) -> None:
    figure = learning_figure(curve_runs(numbers), ["train_samples"])
    for axis in figure.axes:
        assert axis.get_xscale() == scale
        assert {numbers[0], numbers[-1]} <= {*axis.get_xticks()} <= {*numbers}
        # every point, 0 too, is within the axis
        places = axis.transData.transform([(x, axis.get_ylim()[0]) for x in numbers])[:, 0]
        assert np.all(np.diff(places) > 0)
        assert axis.bbox.x0 <= places[0]
        assert places[-1] <= axis.bbox.x1
    check_texts(figure)


def test_a_run_without_results_interrupts_its_line() -> None:
    runs = curve_runs([1.0, 2.0, 3.0])
    runs[1] = run("two", {"train_samples": 2.0}, [0.5], [0.5], failed=True)
    figure = learning_figure(runs, ["train_samples"])
    heights = figure.axes[0].containers[0].lines[0].get_ydata()
    assert [math.isnan(height) for height in heights] == [False, True, False]
    assert figure.get_supxlabel() == "1 of 3 runs has no results"


def test_cells_have_lines_and_comparisons_of_their_own() -> None:
    cells = [LONG, "dv"]
    runs = [
        run(f"{cell},train_samples={x}", {"train_samples": x, "objective.name": cell}, values(0.8 + 0.05 * k, x))
        for k, cell in enumerate(cells)
        for x in (100, 200, 400)
    ]  # fmt: skip
    comparisons = compare_runs(runs, LONG, within=["train_samples"])
    figure = learning_figure(runs, ["train_samples"], comparisons, has_cells=True)
    accuracy, difference = figure.axes
    labels = [bars.lines[0].get_label() for bars in accuracy.containers]
    assert labels == cells
    assert difference.containers[0].lines[0].get_ydata() == pytest.approx([5.0] * 3)
    check_texts(figure)
    maps = heatmap_figure(
        runs, ["train_samples"], ["objective.name"], comparisons, has_cells=True
    ).axes
    titles = [axis.get_title() for axis in maps]
    assert any(re.fullmatch(r"dv\nless backpr.* \.\.\. .*decay", title) for title in titles)


def test_cells_with_both_methods_are_compared_method_by_method() -> None:
    runs = [
        run(f"{cell},train_samples={x}", {"train_samples": x, "objective.name": cell}, values(0.8 + 0.05 * k, x), values(0.6 + 0.02 * k, x))
        for k, cell in enumerate(["ib", "dv"])
        for x in (100, 200)
    ]  # fmt: skip
    comparisons = compare_runs(runs, "ib", within=["train_samples"])
    _, difference = learning_figure(runs, ["train_samples"], comparisons, has_cells=True).axes
    means = {c.lines[0].get_label(): c.lines[0].get_ydata() for c in difference.containers}
    assert means["dv less ib (layer-wise)"] == pytest.approx([5.0] * 2)
    assert means["dv less ib (end-to-end)"] == pytest.approx([2.0] * 2)
    assert "dv: layer-wise less end-to-end" in means


def test_a_map_has_every_value_in_its_cell() -> None:
    runs = grid([(0.0,), (0.1,)], [1000, 200, 50])
    maps = heatmap_figure(runs, ["objective.beta"], ["train_samples"]).axes[:4]
    by_title = {axis.get_title(): axis for axis in maps}
    axis = by_title["layer-wise"]
    assert [text.get_text() for text in axis.get_xticklabels()] == ["50", "200", "1000"]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["0", "0.1"]
    texts = {text.get_position(): text.get_text() for text in axis.texts}
    for found in runs:
        beta, samples = found.settings["objective.beta"], found.settings["train_samples"]
        place = [50, 200, 1000].index(samples), [(0.0,), (0.1,)].index(beta)
        mean = 100 * np.mean([*found.test("layerwise").values()])
        assert axis.images[0].get_array()[place[1], place[0]] == pytest.approx(mean)
        assert texts[place] == f"{mean:.1f}"
        pairs = [
            found.test("layerwise")[seed] - found.test("end_to_end")[seed] for seed in range(4)
        ]
        other = by_title["layer-wise less end-to-end"]
        shown = {text.get_position(): text.get_text() for text in other.texts}[place]
        # all differences are ten standard errors
        assert shown == f"{100 * np.mean(pairs):+.1f}*"


@pytest.mark.parametrize("count", [2, 5, pytest.param(12, marks=pytest.mark.slow)])
def test_texts_of_maps_do_not_overlap(count: int) -> None:
    numbers = [(0.001 * k,) for k in range(count)]
    check_texts(
        heatmap_figure(
            grid(numbers, [1000 * (k + 1) for k in range(count)]), ["objective.beta"], ["train_samples"]
        )
    )  # fmt: skip
    names = [f"a-long-name-of-an-objective-{k}" for k in range(count)]
    check_texts(heatmap_figure(grid(names, names), ["objective.beta"], ["train_samples"]))


def test_missing_runs_and_maps_are_named() -> None:
    runs = grid([0.0, 0.1], [100, 200])
    figure = heatmap_figure(runs[:-1], ["objective.beta"], ["train_samples"])
    assert "– no results" in figure.get_supxlabel()
    assert [text.get_text() for text in figure.axes[0].texts].count("–") == 1
    cells = [
        run(f"cell{c},{x},{y}", {"objective.beta": x, "train_samples": y}, [0.5, 0.6])
        for c in range(MAX_MAPS + 1)
        for x in (0, 1)
        for y in (1, 2)
    ]
    figure = heatmap_figure(cells, ["objective.beta"], ["train_samples"], has_cells=True)
    assert f"the first {MAX_MAPS} of {MAX_MAPS + 1} maps" in figure.get_supxlabel()


def test_a_sweep_has_the_pictures_of_what_varies() -> None:
    one, two = [["train_samples"]], [["objective.beta"], ["train_samples"]]
    forest, curve, heat = "sweep.png", "sweep-curve.png", "sweep-map.png"
    assert [*sweep_figures(curve_runs([1.0, 2.0]), one)] == [forest, curve]
    assert [*sweep_figures(grid([0.0, 0.1], [1, 2]), two)] == [forest, heat]
    # a setting with a single value does not vary
    assert [*sweep_figures(grid([0.0], [1, 2]), two)] == [forest, curve]
    assert [*sweep_figures(grid(["ib", "dv"], [1]), two)] == [forest]
    # one value per block is no number, and a batch size of 0 stands for all samples
    assert [*sweep_figures(grid([(0.1, 0.0), (0.1,)], [1]), two)] == [forest]
    batches = curve_runs([0, 64], "layerwise.batch_size")
    assert [*sweep_figures(batches, [["layerwise.batch_size", "end_to_end.batch_size"]])] == [
        forest
    ]
    assert sweep_figures([run("bad", {"train_samples": 1}, [0.1], failed=True)], one) == {}


def test_a_forest_of_named_runs_shows_their_comparisons() -> None:
    cells = {"backprop": 0.7, LONG: 0.75, "local": 0.72}
    runs = [run(name, {"train_samples": k}, values(level, k)) for k, (name, level) in enumerate(cells.items())]  # fmt: skip
    previous, first = compare_runs(runs, "previous"), compare_runs(runs, "backprop")
    figure = sweep_figures(runs, [], previous, has_cells=True)["sweep.png"]
    accuracy, difference = figure.axes
    assert [label.get_text() for label in accuracy.get_yticklabels()] == [*cells]
    assert difference.get_title() == "Less the run above (95 % interval)"
    found = np.array([[*each.test("layerwise").values()] for each in runs])
    shown = [(bar.lines[0].get_xdata()[0], bar.lines[0].get_ydata()[0]) for bar in difference.containers]  # fmt: skip
    steps = 100 * (found[1:] - found[:-1])
    assert [x for x, _ in shown] == pytest.approx(steps.mean(1))
    # in the rows of the runs, where their accuracies are
    assert [y for _, y in shown] == [bar.lines[0].get_ydata()[0] for bar in accuracy.containers[1:]]
    segment = difference.containers[0].lines[2][0].get_segments()[0]
    assert segment[:, 0] == pytest.approx(
        stats.t.interval(0.95, 3, steps[0].mean(), stats.sem(steps[0]))
    )
    check_texts(figure)
    other = sweep_figures(runs, [], first, has_cells=True)["sweep.png"].axes[1]
    assert other.get_title() == "Less backprop (95 % interval)"
    # no run has the other method
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["layer-wise"]
    # without names of their own, runs are told apart by their settings
    (alone,) = sweep_figures(runs, [])["sweep.png"].axes
    assert alone.get_yticklabels()[0].get_text() == "train_samples 0"


def test_three_titles_of_a_forest_do_not_overlap() -> None:
    runs = [run(f"{LONG}-{k}", {"train_samples": k}, values(0.8, k), values(0.7, k + 9)) for k in range(3)]  # fmt: skip
    figure = sweep_figures(runs, [], compare_runs(runs), has_cells=True)["sweep.png"]
    titles = [axis.get_title() for axis in figure.axes]
    assert [title.partition("\n")[2] for title in titles] == [
        "(bars: ± s.d. over seeds)", "(95 % interval)", "(95 % interval)"
    ]  # fmt: skip
    assert titles[2].startswith("Less the baseline\n")
    assert figure.get_supxlabel() == f"baseline: {runs[0].name}"
    check_texts(figure)


@pytest.mark.parametrize(
    ("title", "lines"),
    [
        ("beta=0.0,noise_std=0.1\nlayer-wise", ["beta=0.0,", "noise_std=0.1", "layer-wise"]),
        ("two runs, of one kind", ["two runs, of one", "kind"]),
        ("short,er", ["short,er"]),
    ],
)
def test_a_long_title_is_wrapped_after_the_commas_of_a_name(title: str, lines: list[str]) -> None:
    assert _wrapped(title, 18) == "\n".join(lines)
