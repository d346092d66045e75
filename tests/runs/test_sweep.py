"""Sweeps: every combination of settings is trained once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ibtrain import ModelConfig, ObjectiveConfig, OptimConfig, PlaneConfig, RunConfig, run, sweep
from ibtrain.errors import ConfigError, IBTrainError, RunFolderError
from ibtrain.runs.sweep import MAX_NAME, cell_name, combinations

CONFIG = RunConfig(
    seeds=(0, 1),
    methods=("layerwise",),
    model=ModelConfig(hidden=(8,)),
    layerwise=OptimConfig(learning_rate=1e-2, epochs=3),
    plane=PlaneConfig(points=0),
    device="cpu",
)
BETAS: dict[str, Any] = {"objective.beta": [(0.0,), (100.0,)]}


def test_a_sweep_trains_every_cell_once(tmp_path: Path) -> None:
    first, second = sweep(CONFIG, BETAS, tmp_path)
    assert [first.path.name, second.path.name] == ["beta=0.0", "beta=100.0"]
    low, high = (
        [entry["test_accuracy"] for entry in folder.results()["layerwise"]]
        for folder in (first, second)
    )
    # so much compression leaves little to predict from
    assert min(low) > max(high)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("results.json")}
    assert len(files) == 2
    # one more value trains one more run
    more = {"objective.beta": [*BETAS["objective.beta"], (1.0,)]}
    assert len(sweep(CONFIG, more, tmp_path)) == len([*tmp_path.rglob("results.json")]) == 3
    assert all(path.stat().st_mtime_ns == time for path, time in files.items())


def test_a_cell_is_the_run_that_it_would_be_alone(tmp_path: Path) -> None:
    config = replace(CONFIG, objective=ObjectiveConfig(beta=(0.5,)))
    alone = run(config, tmp_path / "alone").results()["layerwise"]
    (cell,) = sweep(CONFIG, {"objective.beta": [(0.5,)]}, tmp_path / "sweep", workers=2)
    results = cell.results()["layerwise"]
    assert [(r["seed"], r["test_accuracy"]) for r in results] == [
        (r["seed"], r["test_accuracy"]) for r in alone
    ]


def test_settings_of_both_optimisers_vary_together(tmp_path: Path) -> None:
    config = replace(CONFIG, methods=("layerwise", "end_to_end"), seeds=(0,))
    (folder,) = sweep(config, {"optim.epochs": [1]}, tmp_path)
    (entries,) = (folder.config(),)
    assert (entries.optim("layerwise").epochs, entries.optim("end_to_end").epochs) == (1, 1)


def test_a_run_that_fails_or_is_impossible_does_not_stop_the_others(tmp_path: Path) -> None:
    config = replace(CONFIG, layerwise=OptimConfig(epochs=1, optimizer="sgd"))
    vary = {
        "objective.beta": [(0.0, 0.0, 0.0), (0.0,)],
        "layerwise.learning_rate": [0.01, 1e30],
    }
    with pytest.raises(IBTrainError, match=r"beta=0.0-0.0-0.0,.*got 3 values.*; beta=0.0,.*1e\+30"):
        sweep(config, vary, tmp_path)
    finished = [path.parent.name for path in tmp_path.rglob("results.json")]
    assert finished == ["beta=0.0,learning_rate=0.01"]


def test_another_base_for_the_same_folder_is_refused_before_anything_is_trained(
    tmp_path: Path,
) -> None:
    sweep(CONFIG, {"objective.beta": [(0.0,)]}, tmp_path)
    other = replace(CONFIG, seeds=(0,))
    with pytest.raises(RunFolderError, match=r"beta=0.0: seeds: got .*0.*as in the existing run"):
        sweep(other, {"objective.beta": [(1.0,), (0.0,)]}, tmp_path)
    assert not (tmp_path / "beta=1.0").exists()


def test_combinations_are_all_there_in_order() -> None:
    cells = combinations({"a": [1, 2], "b": ["x", "y", "z"]})
    assert [tuple(cell.values()) for cell in cells] == [
        (1, "x"), (1, "y"), (1, "z"), (2, "x"), (2, "y"), (2, "z"),
    ]  # fmt: skip
    assert combinations({}) == [{}]


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ({"a": 1}, "vary a: got 1, expected a list of at least one value"),
        ({"a": "xy"}, "vary a: got 'xy', expected a list"),
        ({"a": []}, "vary a: got"),
        ({"a": [1, 1]}, "expected no value twice"),
        (
            {"a": list(range(200)), "b": list(range(200))},
            "got 40000 combinations, expected at most",
        ),
    ],
)
def test_values_that_are_no_list_are_refused(vary: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        combinations(vary)


def test_unknown_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"vary.objective: got 'betta', expected one of name"):
        sweep(CONFIG, {"objective.betta": [1.0]}, tmp_path)


def test_names_of_folders_tell_their_settings() -> None:
    assert cell_name({"objective.beta": (0.001,), "model.hidden": (500, 256)}) == (
        "beta=0.001,hidden=500-256"
    )
    assert cell_name({"layerwise.epochs": 3, "end_to_end.epochs": 4}) == (
        "layerwise.epochs=3,end_to_end.epochs=4"
    )
    assert cell_name({}) == "base"
    names = [cell_name({"dataset": f"npz:/data/{name}.npz"}) for name in ("a b", "a/b", 300 * "c")]
    assert len(set(names)) == 3
    assert all(len(name) <= MAX_NAME and "/" not in name for name in names)
