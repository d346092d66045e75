"""Runs are found in folders, in sweeps, and as themselves."""

import json
import os
from pathlib import Path

import pytest
from commands import run

from ibtrain.config import RunConfig
from ibtrain.runs import list_runs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a run, whose network is in a part, and with a sweep of two runs."""
    names = ("one", "one/parts/layerwise-seed0", "sweep/beta=0.0", "sweep/beta=0.1")
    for name in names:
        path = tmp_path / "runs" / name
        path.mkdir(parents=True)
        (path / "config.json").write_text(RunConfig(seeds=(7,)).to_json())
    return tmp_path / "runs"


def test_runs_of_sweeps_are_listed(folder: Path) -> None:
    names = {str(found.path.relative_to(folder)) for found in list_runs(folder)}
    assert names == {"one", "sweep/beta=0.0", "sweep/beta=0.1"}


def test_runs_are_in_the_order_in_which_they_were_started(folder: Path) -> None:
    """Whatever was written to them later, and in whichever time zone they were."""
    starts = {
        "one": "2026-11-28T15:00:00+00:00",
        "sweep/beta=0.0": "2026-11-28T15:30:00+01:00",
        "sweep/beta=0.1": "2026-11-28T15:00:01+00:00",
    }
    for name, started in starts.items():
        (folder / name / "environment.json").write_text(json.dumps({"started": started}))
    (folder / "sweep" / "beta=0.0" / "plane-epochs.png").write_text("a picture")
    order = [str(found.path.relative_to(folder)) for found in list_runs(folder)]
    assert order == ["sweep/beta=0.0", "one", "sweep/beta=0.1"]


@pytest.mark.parametrize("text", [None, "{}", '{"started": 3}', '{"started": "now"}', "{"])
def test_a_run_that_does_not_say_when_it_was_started_has_the_time_of_its_settings(
    folder: Path, text: str | None
) -> None:
    if text is not None:
        (folder / "one" / "environment.json").write_text(text)
    for index, name in enumerate(("sweep/beta=0.1", "one", "sweep/beta=0.0")):
        os.utime(folder / name / "config.json", (index, index))
    order = [str(found.path.relative_to(folder)) for found in list_runs(folder)]
    assert order == ["sweep/beta=0.1", "one", "sweep/beta=0.0"]


def test_a_run_is_listed_as_itself(folder: Path) -> None:
    result = run("runs", folder / "one")
    assert result.stdout.count("unfinished") == 2
    assert str(folder / "one") in result.stdout
    assert "parts" not in result.stdout


def test_accuracies_of_the_validation_split_are_marked(folder: Path) -> None:
    """As are those of the trials of a search, which train one method."""
    path = folder / "one" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "evaluate_on": "validation", "methods": ["layerwise"]}))
    line = run("runs", folder / "one").stdout.splitlines()[-1]
    assert line.split()[-3:] == ["unfinished", "(validation)", "-"]


def test_a_folder_without_runs_is_told_on_standard_error(tmp_path: Path) -> None:
    result = run("runs", tmp_path)
    assert (result.exit_code, result.stderr) == (0, f"no runs in {tmp_path}\n")


def test_a_sweep_is_not_resumed_as_a_run(folder: Path) -> None:
    result = run("resume", folder / "sweep")
    assert result.exit_code == 2
    assert (
        "got a sweep (a folder of runs), expected a run: repeat the `ibtrain sweep`"
        in result.stderr
    )
    assert "no run there" in run("resume", folder / "missing").stderr


def test_a_run_of_a_sweep_is_named_where_a_run_is_expected(folder: Path) -> None:
    result = run("plane", folder / "sweep")
    assert result.exit_code == 2
    assert f"with its config.json, such as {folder / 'sweep' / 'beta=0.'}" in result.stderr
