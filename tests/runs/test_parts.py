"""Networks of a run that several processes train."""

import json
import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from folders import made
from processes import SETTINGS, check_same, ended, start

from ibtrain import OptimConfig, PlaneConfig, RunConfig, run
from ibtrain.config.interval import CheckpointInterval
from ibtrain.errors import ConfigError, IBTrainError
from ibtrain.io.lock import folder_lock
from ibtrain.runs import RunFolder
from ibtrain.runs.cells import train_all, train_together
from ibtrain.runs.opened import OpenRun, open_run
from ibtrain.runs.parts import is_in_parts

INTERVAL = CheckpointInterval(epochs=1)
SAVING = {
    **SETTINGS,
    "seeds": [0],
    "plane": {"measures": ["channel"], "samples": 60},
    "save": ["activations"],
}
ONE = RunConfig.from_dict({**SETTINGS, "seeds": [0], "methods": ["end_to_end"]})


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in one process."""
    path = tmp_path_factory.mktemp("one") / "run"
    run(RunConfig.from_dict(SAVING), path)
    return path


@pytest.mark.slow
def test_two_processes_write_the_files_of_one(reference: Path, tmp_path: Path) -> None:
    folder = run(RunConfig.from_dict(SAVING), tmp_path / "run", workers=2)
    check_same(folder.path, reference)
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["peak_memory_mib"] > 100


def test_parts_of_a_dead_process_are_continued(reference: Path, tmp_path: Path) -> None:
    class DeathError(Exception):
        pass

    def die(event: object) -> None:
        del event
        raise DeathError

    # a part that is begun, and one that another process is said to have begun: neither is begun again
    config, path = RunConfig.from_dict(SAVING), tmp_path / "run"
    with open_run(config, path, INTERVAL) as opened:
        opened.folder.subfolder("parts")
        part = replace(config, methods=("layerwise",), seeds=(0,))
        with (
            pytest.raises(DeathError),
            open_run(part, path / "parts" / "layerwise-seed0", INTERVAL) as opened_part,
        ):
            opened_part.train(opened_part.load(), [die])
    # without --workers, too, because the run began in parts
    check_same(run(config, path).path, reference)


def test_a_run_that_began_in_one_process_stays_in_one(tmp_path: Path) -> None:
    with open_run(ONE, tmp_path / "run", INTERVAL) as opened:
        assert is_in_parts(opened, 2)
        assert not is_in_parts(opened, 1)
        opened.checkpoints.write({})
        assert not is_in_parts(opened, 2)


def test_a_claimed_run_is_left_to_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / name for name in ("claimed", "free")]
    trained: list[str] = []

    def train(self: OpenRun, *arguments: object) -> None:
        del arguments
        trained.append(self.folder.path.name)
        self.folder.write_results({})

    def finish(seconds: float) -> None:
        # the owner of the claim finishes while this process waits
        del seconds
        made(paths[0], ONE).write_results({})

    monkeypatch.setattr(OpenRun, "train", train)
    monkeypatch.setattr("ibtrain.runs.cells.time.sleep", finish)
    with folder_lock(tmp_path / "claimed.lock"):
        train_all(dict.fromkeys(paths, ONE), INTERVAL)
    assert trained == ["free"]


def test_a_failed_run_is_reported_after_the_others(tmp_path: Path) -> None:
    fast = OptimConfig(epochs=1)
    diverging = replace(ONE, validation=0.0, plane=PlaneConfig(points=0), end_to_end=fast)
    diverging = replace(diverging, end_to_end=replace(fast, optimizer="sgd", learning_rate=1e30))
    good = replace(diverging, end_to_end=fast)
    paths = [tmp_path / name for name in ("diverging", "good")]
    configs = dict(zip(paths, (diverging, good), strict=True))
    failed = train_together(configs, INTERVAL, 1)
    assert list(failed) == paths[:1]
    assert "seed 0" in failed[paths[0]]
    assert [RunFolder(path).is_finished for path in paths] == [False, True]
    # it is tried again, and by one process only
    assert train_together(configs, INTERVAL, 1) == failed
    train_all(configs, INTERVAL)


@pytest.mark.slow
def test_a_failed_part_fails_the_run(tmp_path: Path) -> None:
    optim = OptimConfig(optimizer="sgd", learning_rate=1e30)
    config = replace(ONE, seeds=(0, 1), plane=PlaneConfig(points=0), end_to_end=optim)
    with pytest.raises(IBTrainError, match=r"end_to_end-seed0: .*; end_to_end-seed1: "):
        run(config, tmp_path / "run", workers=2)


def test_nothing_is_left_to_do_in_a_deleted_folder(tmp_path: Path) -> None:
    train_all({tmp_path / "parts" / "one": ONE}, INTERVAL)
    assert not (tmp_path / "parts").exists()


def test_the_number_of_processes_is_checked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="workers: got 0, expected"):
        run(ONE, tmp_path / "run", workers=0)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=lambda how: how.name)
@pytest.mark.parametrize("victim", ["main", "helper"])
def test_a_process_that_ends_at_any_moment_loses_nothing(
    tmp_path: Path, how: signal.Signals, victim: str, request: pytest.FixtureRequest
) -> None:
    settings, reference = tmp_path / "settings.json", tmp_path / "reference"
    settings.write_text(json.dumps(SETTINGS))
    ended(start("compare", "--config", settings, "--run-dir", reference))
    generator = torch.Generator().manual_seed(how.value + len(victim))
    for number in range(request.config.getoption("--endings")):
        folder = tmp_path / f"run{number}"
        command = ["compare", "--config", settings, "--run-dir", folder, "--checkpoint-every", "1"]
        process = start(*command, "--workers", "3")
        _end_somewhere(process, how, victim, 6 * torch.rand(1, generator=generator).item())
        if not RunFolder(folder).is_finished:
            has_begun = (folder / "config.json").exists()
            again = ["resume", folder] if has_begun and number % 2 == 0 else command
            ended(start(*again, "--workers", str(1 + number % 3)))
        check_same(folder, reference)


def _end_somewhere(
    process: subprocess.Popen[str], how: signal.Signals, victim: str, seconds: float
) -> None:
    """Sends a signal to the process, or to the first one that helps it, and waits for the end of all."""
    time.sleep(3 + seconds)
    command = ["pgrep", "-P", str(process.pid), "-f", "spawn_main"]
    helpers = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    if victim == "main":
        process.send_signal(how)
    elif helpers:
        os.kill(int(helpers[0]), how)
    ended(process, 0, -how, 128 + how)
    # they end with the process that started them
    while any(Path(f"/proc/{helper}").exists() for helper in helpers):
        time.sleep(0.05)
