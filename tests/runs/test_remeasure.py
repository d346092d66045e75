"""Saved activations are measured again: by other measures, in several processes, each layer once."""

import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ibtrain import InformationPlane, ModelConfig, OptimConfig, PlaneConfig, RunConfig, run
from ibtrain.cli.main import cli
from ibtrain.errors import ConfigError, RunFolderError
from ibtrain.io.lock import folder_lock
from ibtrain.plane.recorder import LayerActivations, LayerRecorder
from ibtrain.runs import RunFolder
from ibtrain.runs.remeasure import parts_folder, remeasure

OPTIM = OptimConfig(epochs=2)
CHANNEL = PlaneConfig(measures=("channel",), samples=40, points=3, noise_std=(0.3,))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    path = tmp_path_factory.mktemp("run")
    config = RunConfig(
        seeds=(0,), model=ModelConfig(hidden=(5,)), layerwise=OPTIM, end_to_end=OPTIM,
        plane=CHANNEL, save=("activations",),
    )  # fmt: skip
    return run(config, path)


def test_the_values_are_those_of_the_run(folder: RunFolder, tmp_path: Path) -> None:
    output = tmp_path / "again.csv"
    remeasure(folder.path, CHANNEL, output)
    again = {(p.method, p.layer, p.epoch): p for p in InformationPlane.load(output).points}
    points = folder.plane_points()
    assert len(again) == len(points) == 12
    for point in points:
        other = again[point.method, point.layer, point.epoch]
        assert other.scalars["sigma"] == 0.3
        for name, estimate in point.estimates.items():
            assert other.estimates[name].mi == pytest.approx(estimate.mi, abs=1e-5)
    assert list(tmp_path.iterdir()) == [output]


def test_processes_share_the_layers_and_each_is_measured_once(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []
    record = LayerRecorder.record

    def counted(self: LayerRecorder, layers: list[LayerActivations], **given: object) -> object:
        measured.extend((given["method"], layer.name, given["epoch"]) for layer in layers)
        return record(self, layers, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(LayerRecorder, "record", counted)
    output = tmp_path / "shared.csv"
    workers = [
        threading.Thread(target=remeasure, args=(folder.path, CHANNEL, output)) for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(measured) == len(set(measured)) == 12
    assert len(InformationPlane.load(output).points) == 12


def test_what_a_killed_process_leaves_is_measured(folder: RunFolder, tmp_path: Path) -> None:
    output = tmp_path / "killed.csv"
    parts = parts_folder(output)
    # a process that holds a claim until it is killed
    code = (
        "import sys, time; from pathlib import Path; from ibtrain.io.lock import folder_lock\n"
        "with folder_lock(Path(sys.argv[1])): print('claimed', flush=True); time.sleep(600)"
    )
    parts.mkdir()
    claim = parts / f"{sorted((folder.path / 'saved').glob('*.npz'))[0].stem}.lock"
    holder = subprocess.Popen([sys.executable, "-c", code, str(claim)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"claimed\n"
    worker = threading.Thread(target=remeasure, args=(folder.path, CHANNEL, output))
    worker.start()
    worker.join(timeout=3)
    assert worker.is_alive()
    assert not output.exists()
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    worker.join(timeout=60)
    assert len(InformationPlane.load(output).points) == 12


def test_a_part_is_not_measured_again_after_an_interruption(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "interrupted.csv"
    monkeypatch.setattr("ibtrain.runs.remeasure.write_atomically", None)
    with pytest.raises(TypeError):
        remeasure(folder.path, CHANNEL, output)
    monkeypatch.undo()
    monkeypatch.setattr(LayerRecorder, "record", None)
    remeasure(folder.path, CHANNEL, output)
    assert len(InformationPlane.load(output).points) == 12


def test_other_settings_for_the_same_file_are_refused(folder: RunFolder, tmp_path: Path) -> None:
    output = tmp_path / "mixed.csv"
    with folder_lock(tmp_path / "lock"), pytest.MonkeyPatch.context() as patch:
        patch.setattr("ibtrain.runs.remeasure.write_atomically", None)
        with pytest.raises(TypeError):
            remeasure(folder.path, CHANNEL, output)
    message = (
        r"got noise_std \[0.5\], expected \[0.3\], as in the processes that write the same file"
    )
    with pytest.raises(RunFolderError, match=message):
        remeasure(folder.path, replace(CHANNEL, noise_std=(0.5,)), output)


def test_measures_that_need_training_samples_are_refused(folder: RunFolder, tmp_path: Path) -> None:
    for name, message in (("mine", "fitted to training samples"), ("weights", "reads the network")):
        with pytest.raises(ConfigError, match=f"{name}, which .*{message}"):
            remeasure(folder.path, PlaneConfig(measures=(name,)), tmp_path / "mine.csv")


def test_bins_of_activation_functions_are_refused(folder: RunFolder, tmp_path: Path) -> None:
    config = PlaneConfig(measures=("binned",), bin_rule="activation")
    with pytest.raises(ConfigError, match="bin_rule: got activation, expected another rule"):
        remeasure(folder.path, config, tmp_path / "binned.csv")


def test_a_broken_file_is_named(folder: RunFolder, tmp_path: Path) -> None:
    broken = tmp_path / "run" / "saved"
    broken.mkdir(parents=True)
    for path in (tmp_path, tmp_path / "run"):
        (path / "config.json").write_text("{}")
    np.savez(broken / "one.npz", labels=np.zeros(3))
    with pytest.raises(RunFolderError, match=r"one.npz: got broken activations .*method"):
        remeasure(tmp_path / "run", CHANNEL, tmp_path / "out.csv")
    with pytest.raises(RunFolderError, match="no saved activations, expected a run with --save"):
        remeasure(tmp_path, CHANNEL, tmp_path / "out.csv")


@pytest.mark.slow
def test_the_command_measures_with_two_processes(folder: RunFolder, tmp_path: Path) -> None:
    output = tmp_path / "binned.csv"
    arguments = ["measure", str(folder.path), "--measures", "binned", "--workers", "2", "--unit", "bits", "-o", str(output)]  # fmt: skip
    result = CliRunner().invoke(cli, arguments)
    assert (result.exit_code, result.stdout) == (0, f"{output}\n")
    (first, *_) = InformationPlane.load(output).points
    assert first.estimates["mi_xt_binned"].unit == "bits"


def test_values_of_other_settings_go_to_another_file(folder: RunFolder) -> None:
    command = ["measure", str(folder.path), "--measures", "channel"]
    outputs = [
        CliRunner().invoke(cli, [*command, *others]).stdout.strip()
        for others in ([], ["--plane-noise", "0.5"], ["--plane-noise", "0.5", "--unit", "bits"])
    ]
    assert [Path(output).name for output in outputs] == [
        "plane-channel.csv",
        "plane-channel,noise_std=0.5.csv",
        "plane-channel,noise_std=0.5,unit=bits.csv",
    ]
    assert all(Path(output).exists() for output in outputs)
