"""What several runs differ in, and how well they did."""

import re
from pathlib import Path

import pytest
from folders import made

from ibtrain import ObjectiveConfig, RunConfig
from ibtrain.report.comparison import (
    comparison_document,
    comparison_table,
    without_twins,
)
from ibtrain.report.forest import MAX_RUNS, forest_figure
from ibtrain.runs.summary import RunSummary, summarise, varied_settings
from ibtrain.text import setting_text


def summary(name: str, beta: float, layerwise: list[float], backprop: list[float]) -> RunSummary:
    accuracies = {
        "layerwise": {"test": dict(enumerate(layerwise))},
        "end_to_end": {"test": dict(enumerate(backprop))},
    }
    settings = {"objective.beta": [beta], "dataset": "digits", "margin": 1.0}
    return RunSummary(name, settings, accuracies)  # type: ignore[arg-type]


RUNS = [
    summary("one", 0.0, [0.90, 0.92, 0.91], [0.90, 0.91, 0.93]),
    summary("two", 0.1, [0.95, 0.96, 0.94], [0.90, 0.91, 0.93]),
]


def test_settings_that_differ_are_found() -> None:
    assert varied_settings(RUNS) == ["objective.beta"]
    assert varied_settings(RUNS[:1]) == []


def test_the_table_has_settings_accuracies_and_differences() -> None:
    lines = comparison_table(RUNS, 120).splitlines()
    assert lines[0].split("  ")[0] == "beta"
    assert lines[2].split() == [
        "0", "91.00", "±", "1.00", "91.33", "±", "1.53", "-0.33", "(-4.13", "to", "+3.46)",
        "0.74", "undecided",
    ]  # fmt: skip
    failed = RunSummary("three", {"objective.beta": [1.0], "dataset": "digits"}, {}, "NaN at 3")
    text = comparison_table([*RUNS, failed], 120)
    assert "failed" in text
    assert "three failed: NaN at 3" in text
    assert (
        "layer-wise against end-to-end, 2 comparisons at 5 %, Holm-adjusted: better in 0, worse in 0, "
        "equivalent within 1 points in 0, undecided in 2" in " ".join(text.split())
    )
    assert max(map(len, comparison_table(RUNS, 60).splitlines())) <= 60


def test_the_same_setting_of_both_methods_has_one_column() -> None:
    names = ["objective.beta", "layerwise.epochs", "end_to_end.epochs"]

    def trained(first: int, second: int) -> RunSummary:
        return RunSummary("run", dict(zip(names, (0.0, first, second), strict=True)))

    assert without_twins(names, [trained(1, 1), trained(2, 2)]) == names[:2]
    assert without_twins(names, [trained(1, 1), trained(2, 3)]) == names
    assert without_twins(names[2:], [trained(1, 1)]) == names[2:]


def test_the_document_is_json_without_infinite_numbers() -> None:
    single = summary("one", 0.0, [0.9], [0.8])
    document = comparison_document([single])
    assert document["runs"][0]["difference"] == {
        "value": pytest.approx(0.1), "stderr": None, "low": None, "high": None, "kind": "paired",
        "counts": [1, 1], "margin": 0.01, "p": None, "equivalence_p": None, "family": 0,
        "outcome": "undecided", "is_equivalent": False,
        "verdict": "undecided: a single seed can't tell layer-wise from end-to-end (difference +10.00)",
    }  # fmt: skip
    assert comparison_document(RUNS)["runs"][1]["settings"] == {"objective.beta": [0.1]}


def test_the_picture_has_a_row_for_each_run() -> None:
    accuracy, difference = forest_figure(RUNS).axes
    assert [label.get_text() for label in accuracy.get_yticklabels()] == ["beta 0", "beta 0.1"]
    centres = [container.lines[0].get_xdata()[0] for container in difference.containers]
    assert centres == pytest.approx([-1 / 3, 11 / 3])
    many = forest_figure([summary(str(k), float(k), [0.9], [0.8]) for k in range(MAX_RUNS + 1)])
    assert many.get_supxlabel() == f"the first {MAX_RUNS} of {MAX_RUNS + 1} runs"


@pytest.mark.parametrize("is_single", [True, False])
def test_a_single_seed_has_no_interval_and_no_bars(is_single: bool) -> None:
    runs = RUNS if not is_single else [summary("one", 0.0, [0.9], [0.8])]
    lines = comparison_table(runs, 80).splitlines()
    note = next(line for line in lines if line.startswith("difference: "))
    titles = [axis.get_title() for axis in forest_figure(runs).axes]
    for text in (note, titles[1]):
        assert ("95 % interval" in text) != is_single
    assert ("± s.d." in titles[0]) != is_single
    for text in (note, *titles):
        assert bool(re.search(r"\b(one|single) seed\b", text)) == is_single


def test_a_run_that_is_not_finished_has_its_settings(tmp_path: Path) -> None:
    config = RunConfig(objective=ObjectiveConfig(beta=(0.5,)))
    run = summarise(made(tmp_path / "run", config))
    assert run.settings["objective.beta"] == (0.5,)
    assert not run.accuracies
    assert "unfinished" in comparison_table([run], 80)


@pytest.mark.parametrize(
    ("value", "text"),
    [([500, 256], "500,256"), ([], "auto"), (1e-3, "0.001"), ("mnist", "mnist"), (None, "None")],
)
def test_settings_are_short(value: object, text: str) -> None:
    assert setting_text(value) == text
