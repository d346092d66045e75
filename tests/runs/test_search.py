"""Searches: the same proposals for the same seed, the same budget for both methods, and no look at the test split."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import run

from ibtrain import ModelConfig, ObjectiveConfig, OptimConfig, PlaneConfig, RunConfig
from ibtrain.config.interval import CheckpointInterval
from ibtrain.config.space import Range
from ibtrain.errors import ConfigError, LockedError, RunFolderError
from ibtrain.io.lock import folder_lock
from ibtrain.runs.cells import silent
from ibtrain.runs.folder import RunFolder
from ibtrain.runs.sampling import propose
from ibtrain.runs.search import LOCK, Search, search_trials, trial_value
from ibtrain.runs.search_results import best_path, final_configs, search_document
from ibtrain.runs.setup import load_data

FAST = OptimConfig(epochs=1, batch_size=256)
CONFIG = RunConfig(
    seeds=(0, 1),
    layerwise=FAST,
    end_to_end=FAST,
    model=ModelConfig(hidden=(8,)),
    plane=PlaneConfig(points=2),
)
SPACE = {
    "optim.learning_rate": Range(1e-4, 1e-1, is_log=True),
    "model.hidden": [(8,), (16,)],
    "objective.beta": [0.0, 1.0],
}

INTERVAL = CheckpointInterval(epochs=1)


SINGLE = replace(CONFIG, seeds=(0,))


def searched(root: Path, config: RunConfig, trials: int, sampler: str) -> Search:
    search = Search(config, SPACE, trials, root, sampler)
    assert search_trials(search, INTERVAL) == {}
    return search


def tried(search: Search) -> list[dict[str, Any]]:
    return [search.settings(path) for path in search]


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_proposal_depends_on_seed_number_and_trials_only(sampler: str) -> None:
    pytest.importorskip("optuna")
    space = {
        "rate": Range(1e-4, 1e-1, is_log=True),
        "width": Range(1, 9, is_integer=True),
        "hidden": [[8], (9, 9)],
    }
    shown: list[tuple[dict[str, Any], float]] = []
    for number in range(8):
        settings = propose(space, sampler, 3, number, shown)
        assert settings == propose(space, sampler, 3, number, shown)
        assert 1e-4 <= settings["rate"] <= 1e-1
        assert isinstance(settings["width"], int)
        assert settings["hidden"] in space["hidden"]
        shown.append((settings, -abs(np.log10(settings["rate"]) + 2)))
    assert propose(space, sampler, 4, 0, []) != shown[0][0]
    assert len({settings["rate"] for settings, _ in shown}) == 8


def test_tpe_comes_nearer_the_best_than_chance() -> None:
    pytest.importorskip("optuna")
    space = {"rate": Range(0, 1)}
    ends = {}
    for sampler in ("tpe", "random"):
        shown: list[tuple[dict[str, Any], float]] = []
        for number in range(40):
            settings = propose(space, sampler, 0, number, shown)
            shown.append((settings, -abs(settings["rate"] - 0.37)))
        ends[sampler] = -np.mean([value for _, value in shown[20:]])
    # about 0.27 by chance
    assert ends["tpe"] < 0.15 < ends["random"]


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_no_settings_are_tried_twice(sampler: str, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    space = {"rate": [1e-3, 1e-2, 1e-1], "hidden": [(8,), (16,), (8, 4)]}
    shown: list[tuple[dict[str, Any], float]] = []
    for number in range(9):
        # without a look at what is known, the best settings would be proposed again
        settings = propose(space, sampler, 0, number, shown)
        shown.append((settings, float(settings["rate"] == 1e-2)))
    assert len({str(settings) for settings, _ in shown}) == 9
    # with all combinations known there is nothing new
    assert propose(space, sampler, 0, 9, shown) in [settings for settings, _ in shown]
    space = {"optim.epochs": [1, 2], "objective.beta": [0.0, 1.0]}
    search = Search(CONFIG, space, 100, tmp_path, sampler)
    assert [len(search.paths(method)) for method in CONFIG.methods] == [4, 2]


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_settings_that_do_not_go_together_are_no_trials(sampler: str, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    space = {
        "objective.name": ["nwj", "cross-entropy"],
        "optim.label_smoothing": [0.0, 0.1],
        "optim.epochs": [1, 2],
    }
    config = replace(SINGLE, methods=("layerwise",), objective=ObjectiveConfig(readout="critic"))
    # without those of nwj whose labels are smoothed, six of eight combinations are left
    search = Search(config, space, 9, tmp_path, sampler)
    assert search_trials(search, INTERVAL) == {}
    assert len(search) == len({str(settings) for settings in tried(search)}) == 6


def test_one_process_at_a_time_proposes_settings(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    search = Search(SINGLE, {"optim.epochs": [1, 2]}, 2, tmp_path, "random")
    first, second = search.paths("end_to_end")
    known = search.settings(first)
    with folder_lock(tmp_path / LOCK):
        with pytest.raises(LockedError):
            search.settings(second)
        assert search.settings(first) == known
    assert search.settings(second) != known


def test_a_trial_does_not_repeat_one_that_is_not_finished(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    search = Search(SINGLE, {"optim.epochs": [1, 2, 3]}, 3, tmp_path, "random")
    epochs = [search.settings(path)["optim.epochs"] for path in search.paths("end_to_end")]
    assert sorted(epochs) == [1, 2, 3]


def test_a_value_that_is_never_possible_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    critic = ObjectiveConfig("nwj", readout="critic")
    config = replace(SINGLE, methods=("layerwise",), objective=critic)
    with pytest.raises(ConfigError, match=r"dropout: got 1.5, expected a number from 0 to 1"):
        Search(config, {"model.dropout": [0.0, 1.5]}, 2, tmp_path)
    with pytest.raises(ConfigError, match=r"label_smoothing: got 0.1 with objective nwj"):
        Search(config, {"optim.label_smoothing": [0.0, 0.1]}, 2, tmp_path)
    names = {"objective.name": ["nwj", "smile"]}
    with pytest.raises(
        ConfigError, match=r"label_smoothing: got 0\.\d+ with objective (nwj|smile)"
    ):
        Search(config, {**names, "optim.label_smoothing": [0.1, 0.2]}, 2, tmp_path)
    with pytest.raises(
        ConfigError, match=r"label_smoothing: got 0\.\d+ with objective (nwj|smile)"
    ):
        Search(config, {**names, "optim.label_smoothing": Range(0.1, 0.2)}, 2, tmp_path)
    # possible only with two others
    smooth = replace(config, layerwise=replace(FAST, label_smoothing=0.1))
    optimisers = {"optim.optimizer": ["adam", "sgd"], "optim.momentum": [0.0, 0.9]}
    Search(smooth, {"objective.name": ["cross-entropy"], **optimisers}, 2, tmp_path)


def test_the_recipe_is_that_of_the_trials_objective(tmp_path: Path) -> None:
    """nwj smooths no labels, and has no smoothing in a search that varies the objective."""
    critic = ObjectiveConfig("ib", beta=0, readout="critic")
    config = RunConfig(dataset="mnist", objective=critic, methods=("layerwise",))
    search = Search(config, {"objective.name": ["ib", "nwj"]}, 2, tmp_path, "grid")
    assert {each.objective.name: each.optim("layerwise").label_smoothing for each in search.values()} == {
        "ib": 0.1, "nwj": 0.0,
    }  # fmt: skip
    with pytest.raises(ConfigError, match=r"label_smoothing: got 0.1 with objective nwj"):
        smooth = replace(config, layerwise=OptimConfig(label_smoothing=0.1))
        Search(smooth, {"objective.name": ["ib", "nwj"]}, 2, tmp_path, "grid")


def test_a_grid_has_all_combinations_without_optuna(tmp_path: Path) -> None:
    space = {"optim.epochs": [1, 2], "objective.beta": [0.0, 1.0]}
    search = Search(CONFIG, space, 100, tmp_path, "grid")
    assert [search.settings(path) for path in search.paths("end_to_end")] == [
        {"optim.epochs": 1}, {"optim.epochs": 2},
    ]  # fmt: skip
    assert len(search.paths("layerwise")) == 4
    assert len(search) == 6
    with pytest.raises(ConfigError, match="a list of values for a grid"):
        Search(CONFIG, SPACE, 3, tmp_path, "grid")


def test_both_methods_get_the_same_number_of_trials_and_the_best_one_wins(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    search = searched(tmp_path, CONFIG, 3, "random")
    names = [path.name for path in search]
    assert names[:4] == ["layerwise-0000", "end_to_end-0000", "layerwise-0001", "end_to_end-0001"]
    document = search_document(search)
    for method in ("layerwise", "end_to_end"):
        budget = document["methods"][method]
        # two seeds; layer-wise training has two blocks
        assert (budget["trials"], budget["failed"]) == (3, 0)
        assert budget["epochs"] == 3 * 2 * (2 if method == "layerwise" else 1)
        assert budget["seconds"] > 0
        values = {path.name: trial_value(path, method) for path in search.paths(method)}  # type: ignore[arg-type]
        assert values[budget["best"]] == max(values.values())  # type: ignore[type-var]
        assert [trial["validation_accuracy"] for trial in budget["tried"]] == sorted(
            values.values(), reverse=True
        )  # type: ignore[type-var]
    assert "objective.beta" not in search.settings(search.paths("end_to_end")[0])
    assert (
        json.loads((tmp_path / "search.json").read_text())["methods"]
        == json.loads(json.dumps(document))["methods"]
    )
    finals = final_configs(search, (7, 8))
    config = finals["final-layerwise"]
    assert (config.evaluate_on, config.validation, config.seeds) == ("test", 0.0, (7, 8))
    assert config.plane.points == 2
    settings = search.settings(best_path(search, "layerwise"))
    assert config.layerwise is not None
    assert config.layerwise.learning_rate == settings["optim.learning_rate"]
    # every value is in the file, those of the recipe too
    assert RunConfig.read(tmp_path / "best-layerwise.toml").to_dict() == config.to_dict()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_search_also_after_an_interruption(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    whole = searched(tmp_path / "whole", SINGLE, 6, "tpe")

    def ended(opened: Any) -> Any:
        if opened.folder.path.name == "end_to_end-0002":
            raise KeyboardInterrupt
        return silent(opened)

    search = Search(SINGLE, SPACE, 6, tmp_path / "ended", "tpe")
    with pytest.raises(KeyboardInterrupt):
        search_trials(search, INTERVAL, session=ended)
    assert (tmp_path / "ended" / "end_to_end-0002.json").exists()
    assert not (tmp_path / "ended" / "layerwise-0003.json").exists()
    search_trials(search, INTERVAL)
    assert tried(search) == tried(whole)
    values = [
        [trial_value(p, "layerwise") for p in each.paths("layerwise")] for each in (whole, search)
    ]
    assert values[0] == values[1]
    # more trials go on; another space is refused
    searched(tmp_path / "ended", SINGLE, 7, "tpe")
    for changed in (
        Search(SINGLE, {**SPACE, "objective.beta": [0.0, 2.0]}, 7, tmp_path / "ended", "tpe"),
        Search(SINGLE, SPACE, 6, tmp_path / "ended", "tpe", seed=1),
        Search(replace(CONFIG, seeds=(5,)), SPACE, 6, tmp_path / "ended", "tpe"),
    ):
        with pytest.raises(RunFolderError, match="as in the existing search"):
            search_trials(changed, INTERVAL)


@pytest.mark.slow
def test_several_processes_share_the_trials(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    search = Search(CONFIG, SPACE, 4, tmp_path, "tpe")
    assert search_trials(search, INTERVAL, workers=3) == {}
    assert all(RunFolder(path).is_finished for path in search)
    assert len({repr(settings) for settings in tried(search)[::2]}) == 4


def test_the_test_split_is_not_looked_at(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    train = {"x_train": generator.normal(size=(80, 3)), "y_train": np.arange(80) % 2}
    fingerprints, tested = [], []
    for shift in (0.0, 5.0):
        path = tmp_path / f"{shift}.npz"
        np.savez(
            path, **train, x_test=generator.normal(size=(9, 3)) + shift, y_test=np.arange(9) % 2
        )
        config = replace(CONFIG, dataset=str(path), validation=0.25, evaluate_on="validation")
        data = load_data(config, torch.device("cpu"))
        assert data.test is data.validation
        assert len(data.test) == 20
        fingerprints.append(data.fingerprint())
        tested.append(
            load_data(replace(config, evaluate_on="test"), torch.device("cpu")).fingerprint()
        )
    assert fingerprints[0] == fingerprints[1]
    assert tested[0] != tested[1]


def test_every_trial_is_evaluated_on_the_validation_split(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    search = Search(CONFIG, SPACE, 2, tmp_path, "random")
    for path in search:
        config = search[path]
        assert (config.evaluate_on, config.validation, config.plane.points) == (
            "validation",
            0.1,
            0,
        )
        assert len(config.methods) == 1


def test_the_command_searches_and_trains_the_best_settings_with_fresh_seeds(tmp_path: Path) -> None:
    words = [
        "sweep",
        "--search",
        "9",
        "--sampler",
        "grid",
        "--vary",
        "lr=1e-4,1e-2",
        "--hidden",
        "8",
        "--epochs",
        "1",
    ]
    words += [
        "--seeds",
        "0",
        "--plane-points",
        "0",
        "--run-dir",
        str(tmp_path / "search"),
        "--final-seeds",
        "5,6",
    ]
    result = run(*words)
    assert result.exit_code == 0
    assert "2 trials, the best 2 shown; 4 epochs in" in result.stdout
    assert "4 trials in" in result.stderr
    assert "best settings  test accuracy %" in result.stdout
    # of the command that trained last, here the final runs
    file = tmp_path / "search" / "final-layerwise" / "environment.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "started": "2999-01-01T00:00:00"}))
    again = run(*words, "--json")
    assert "epoch 1/1" not in again.stderr
    document = json.loads(again.stdout)
    assert document["environment"]["started"].startswith("2999")
    best = document["methods"]["layerwise"]["tried"][0]
    assert (
        best["validation_accuracy"]
        >= document["methods"]["layerwise"]["tried"][1]["validation_accuracy"]
    )
    assert document["environment"]["versions"]["torch"]
    assert set(document["final"]["runs"][0]["accuracies"]["layerwise"]["test"]) == {"5", "6"}
    (comparison,) = document["final"]["comparisons"]
    assert comparison["first"] == {"run": "final-layerwise", "method": "layerwise"}
    trial = json.loads((tmp_path / "search" / "layerwise-0001" / "results.json").read_text())
    assert trial["evaluate_on"] == "validation"
    table = run("runs", tmp_path / "search", "--columns", "lr").stdout
    assert "layer-wise validation %" in table


def test_mistakes_are_answered_in_one_line(tmp_path: Path) -> None:
    words = ["sweep", "--search", "3", "--run-dir", str(tmp_path / "search")]
    for options, message in (
        (["--vary", "lr=1e-4..1e-2", "--final-seeds", "1,9"], "final seeds: got seed 1, expected seeds that no trial has"),
        (["--vary", "lr=1e-4..1e-2", "--sampler", "grid"], "got 0.0001..0.01, expected a list of values for a grid"),
        (["--vary", "beta=0,1", "--methods", "end-to-end"], "got objective.beta, expected a setting that end_to_end depends on"),
        (["--vary", "lr=1,2", "--sampler", "tpee"], "did you mean 'tpe'?"),
    ):  # fmt: skip
        result = run(*words, *options)
        assert result.exit_code == 2
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "search").exists()
    result = run("sweep", "--vary", "beta=0,1", "--final-seeds", "7")
    assert "--final-seeds, expected --search with it" in result.stderr
    result = run("compare", "--evaluate-on", "validation")
    assert (
        "validation: got no validation split to evaluate on, expected a share above 0"
        in result.stderr
    )
