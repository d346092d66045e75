"""A run that several processes have not finished is shown from its parts."""

import shutil
from pathlib import Path

import pytest
from commands import run as run_command

from ibtrain import ModelConfig, OptimConfig, PlaneConfig, RunConfig, run
from ibtrain.runs import RunFolder

PLANE = PlaneConfig(measures=("channel",), samples=40, points=2, noise_std=(0.3,))


@pytest.fixture
def unfinished(tmp_path: Path) -> Path:
    config = RunConfig(
        methods=("end_to_end",), seeds=(0,), model=ModelConfig(hidden=(5,)), plane=PLANE,
        end_to_end=OptimConfig(epochs=2),
    )  # fmt: skip
    path = run(config, tmp_path / "run").path
    part = path / "parts" / "end_to_end-seed0"
    part.mkdir(parents=True)
    shutil.copy(path / "config.json", part)
    (path / "results.json").unlink()
    (path / "metrics.jsonl").rename(part / "metrics.jsonl")
    return path


def test_points_and_epochs_are_those_of_the_parts(unfinished: Path) -> None:
    folder = RunFolder.open(unfinished)
    assert {point.layer for point in folder.plane_points()} == {"hidden1", "output"}
    assert len(list(folder.recorded("epoch"))) == 2


def test_a_finished_run_is_read_from_its_own_log(unfinished: Path) -> None:
    (unfinished / "results.json").write_text("{}")
    assert RunFolder.open(unfinished).plane_points() == []


def test_commands_show_the_parts(unfinished: Path) -> None:
    for name in ("plane", "report"):
        result = run_command(name, unfinished)
        assert result.exit_code == 0, result.stderr
    assert "unfinished, " in run_command("runs", unfinished.parent).stdout
