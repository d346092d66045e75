"""Sweeps on a local Ray cluster: every run once, also when one of its processes is killed."""

import json
import os
import signal
import subprocess
import sys
import time
import timeit
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from commands import run

from ibtrain import RunConfig, sweep
from ibtrain.errors import ConfigError, IBTrainWarning, RunFolderError
from ibtrain.runs import RunFolder
from ibtrain.runs.ray_workers import _share, _work, ray_helpers

BETAS = [f"{number / 1000}" for number in range(24)]
COMMAND = [
    "sweep", "--vary", f"beta={','.join(BETAS)}", "--seeds", "0", "--epochs", "50", "--hidden", "64",
    "--plane-points", "0", "--methods", "layerwise", "--checkpoint-every", "10",
]  # fmt: skip


def accuracies(root: Path) -> dict[str, float]:
    folders = [RunFolder.open(path.parent) for path in root.glob("*/results.json")]
    return {each.path.name: each.results()["layerwise"][0]["test_accuracy"] for each in folders}


def helper_of(root: Path, driver: int) -> int:
    """Waits for a process other than the driver that trains a run."""
    for _ in range(1200):
        for lock in root.glob("*.lock"):
            with suppress(FileNotFoundError):
                words = lock.read_text().split()
                if len(words) > 1 and int(words[1]) != driver:
                    return int(words[1])
        time.sleep(0.05)
    raise AssertionError("no task has begun a run")


def test_a_missing_ray_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    result = run(*COMMAND, "--run-dir", tmp_path, "--workers", "2", "--engine", "ray")
    assert result.exit_code == 2
    assert "got no Ray, expected Ray to be installed (pip install 'ibtrain[ray]')" in result.output
    assert not list(tmp_path.glob("*/config.json"))


def test_ray_without_further_processes_is_refused(tmp_path: Path) -> None:
    expected = "engine: got ray with 1 worker, expected 2 workers or more"
    result = run(*COMMAND, "--run-dir", tmp_path, "--engine", "ray")
    assert result.exit_code == 2
    assert expected in result.output
    with pytest.raises(ConfigError, match=expected):
        sweep(RunConfig(), {"objective.beta": [(0.0,)]}, tmp_path, engine="ray")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("gpus", "count", "share"), [(0, 3, 0), (2, 1, 1), (2, 2, 1), (2, 3, 0.5), (4, 9, 1 / 3)]
)
def test_all_tasks_run_at_once_on_the_gpus(gpus: float, count: int, share: float) -> None:
    assert _share(gpus, count) == pytest.approx(share)
    assert share == 0 or gpus * int(1 / share) >= count


def test_a_machine_with_a_folder_of_its_own_is_told(tmp_path: Path) -> None:
    marker = tmp_path / ".ray-0"
    begun: list[int] = []
    message = f"{tmp_path} on .*: got no folder, or another one, expected the sweep's folder, on a"
    with pytest.raises(RunFolderError, match=message):
        _work(marker, str(tmp_path), begun.append, (1,))
    assert not begun


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("RAY_worker_niceness", "0")
    handler = signal.getsignal(signal.SIGTERM)
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*:ResourceWarning", "ignore:.*:FutureWarning")
def test_tasks_end_with_the_block_and_tell_why_they_failed(tmp_path: Path, cluster: None) -> None:
    del cluster
    folder = tmp_path / "shared"
    folder.mkdir()
    # functions of modules that the tasks can import
    for number in range(10):
        with ray_helpers(folder, os.mkdir, (tmp_path / str(number),), 1):
            time.sleep(0.2)
    assert len(list(tmp_path.iterdir())) == 11
    assert not list(folder.iterdir())
    with (
        pytest.warns(IBTrainWarning, match="a task of Ray failed: FileNotFoundError"),
        ray_helpers(folder, os.rmdir, (tmp_path / "missing",), 1),
    ):
        pass
    # an error of the block ends tasks too, as Ctrl-C would: without waiting for the minute in which they may save
    begun = tmp_path / "begun"
    begun.mkdir()
    setup = f"import os; from time import sleep; os.mkdir(f'{begun}/{{os.getpid()}}')"
    naps = ("sleep(0.01)", setup, time.perf_counter, 10_000)
    with pytest.raises(KeyError), ray_helpers(folder, timeit.timeit, naps, 2):
        # a task that is told to end before it has begun may miss it
        while len(list(begun.iterdir())) < 2:
            time.sleep(0.05)
        began = time.monotonic()
        raise KeyError
    assert time.monotonic() - began < 50


@pytest.mark.slow
def test_a_killed_process_of_a_cluster_loses_nothing(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    expected = tmp_path / "local"
    assert run(*COMMAND, "--run-dir", expected).exit_code == 0
    root = tmp_path / "ray"
    words = [*COMMAND, "--run-dir", str(root), "--workers", "3", "--engine", "ray"]
    # Ray gives way to other processes, by default also to this one
    environment = {**os.environ, "RAY_worker_niceness": "0"}
    # a cluster of its own
    environment.pop("RAY_ADDRESS", None)
    with subprocess.Popen(
        [sys.executable, "-m", "ibtrain", *words], cwd=tmp_path, env=environment
    ) as driver:
        os.kill(helper_of(root, driver.pid), signal.SIGKILL)
        assert driver.wait(timeout=600) == 0
    assert sorted(accuracies(root)) == sorted(f"beta={beta}" for beta in BETAS)
    assert accuracies(root) == accuracies(expected)
    for path in root.glob("*/metrics.jsonl"):
        events = [json.loads(line) for line in path.read_text().splitlines()]
        epochs = [(each["stage"], each["epoch"]) for each in events if each["event"] == "epoch"]
        assert len(set(epochs)) == len(epochs) == 100
    assert not list(root.glob("*.lock"))
    assert not list(root.glob(".ray-*"))
    assert not list(root.glob("*/failed.json"))
