"""Sweeps on a local Ray cluster: every run once, also when one of its processes is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import run

from ibtrain.runs import RunFolder

BETAS = ["0.0", "0.001", "0.002", "0.005", "0.01", "0.02", "0.05", "0.1"]
COMMAND = [
    "sweep", "--vary", f"beta={','.join(BETAS)}", "--seeds", "0", "--epochs", "150", "--hidden", "64",
    "--plane-points", "0", "--methods", "layerwise", "--checkpoint-every", "10",
]  # fmt: skip


def accuracies(root: Path) -> dict[str, float]:
    folders = [RunFolder.open(path.parent) for path in root.glob("*/results.json")]
    return {each.path.name: each.results()["layerwise"][0]["test_accuracy"] for each in folders}


def helper_of(root: Path, driver: int) -> int:
    """Waits for a process other than the driver that trains a run."""
    for _ in range(1200):
        for lock in root.glob("*.lock"):
            words = lock.read_text().split() if lock.exists() else []
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


@pytest.mark.slow
def test_a_killed_process_of_a_cluster_loses_nothing(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    expected = tmp_path / "local"
    assert run(*COMMAND, "--run-dir", expected).exit_code == 0
    root = tmp_path / "ray"
    words = [*COMMAND, "--run-dir", str(root), "--workers", "3", "--engine", "ray"]
    # Ray gives way to other processes, by default also to this one
    environment = {**os.environ, "RAY_worker_niceness": "0"}
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
        assert len(set(epochs)) == len(epochs) == 300
    assert not list(root.glob("*.lock"))
    assert not list(root.glob("*/failed.json"))
