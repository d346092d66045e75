"""``ibtrain measure`` counts the saved files that all processes have measured."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from commands import run as run_command

from ibtrain import ModelConfig, OptimConfig, PlaneConfig, RunConfig, run
from ibtrain.runs.remeasure import parts_folder, remeasure

PLANE = PlaneConfig(measures=("channel",), samples=40, points=2, noise_std=(0.3,))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = RunConfig(
        methods=("end_to_end",), seeds=(0,), model=ModelConfig(hidden=(5,)), save=("activations",),
        end_to_end=OptimConfig(epochs=2), plane=PLANE,
    )  # fmt: skip
    return run(config, tmp_path_factory.mktemp("saved") / "run").path


def test_a_bar_counts_what_other_processes_have_measured(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "again.csv"
    with monkeypatch.context() as patch:
        patch.setattr("ibtrain.runs.remeasure.write_atomically", None)
        with pytest.raises(TypeError):
            remeasure(folder, PLANE, output)
    first, *others = sorted(parts_folder(output).glob("*-seed*.json"))
    first.unlink()
    stand_in = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", stand_in)
    remeasure(folder, PLANE, output, progress=True)
    shown = capsys.readouterr().err
    total = len(others) + 1
    assert total > 1
    assert f" {total - 1}/{total} saved files" in shown
    assert f" {total}/{total} saved files" in shown
    assert f" 0/{total} " not in shown


def test_the_command_shows_the_bar_and_a_pipe_gets_none(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("measure", folder, "--measures", "channel", "-o", tmp_path / "again.csv")
    assert run_command(*arguments).stderr == ""
    monkeypatch.setattr("ibtrain.io.progress.is_displayed", lambda: True)
    assert " saved files, " in run_command(*arguments).stderr
