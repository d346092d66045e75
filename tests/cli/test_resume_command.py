"""Runs that were interrupted, from the command line."""

import errno
import io
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from commands import run
from processes import CODE, SETTINGS, check_same, start

from ibtrain.cli.interrupts import graceful, immediate
from ibtrain.errors import RunFolderError
from ibtrain.runs.checkpoints import Checkpoints

pytestmark = pytest.mark.slow

ARGUMENTS = ["--checkpoint-every", "1"]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("settings") / "settings.json"
    path.write_text(json.dumps({**SETTINGS, "seeds": [0]}))
    return path


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, settings: Path) -> Path:
    path = tmp_path_factory.mktemp("reference") / "run"
    assert run("compare", "--config", settings, "--run-dir", path, *ARGUMENTS).exit_code == 0
    return path


def stopping_at(
    moment: int, how: signal.Signals = signal.SIGTERM
) -> Callable[[Checkpoints, Any], None]:
    """``Checkpoints.after_step`` that is sent a signal at one of its calls."""
    after_step, calls = Checkpoints.after_step, count(1)

    def counting(checkpoints: Checkpoints, state: Any) -> None:
        if next(calls) == moment:
            os.kill(os.getpid(), how)
        after_step(checkpoints, state)

    return counting


@pytest.fixture
def interrupted(tmp_path: Path, settings: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that a SIGTERM ended in the middle of an epoch, with two checkpoints."""
    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "after_step", stopping_at(42))
        result = run("compare", "--config", settings, "--run-dir", path, *ARGUMENTS)
    assert result.exit_code == 143
    assert f"Error: Interrupted. Continue with: ibtrain resume {path}" in result.stderr
    assert result.stdout == ""
    assert len(list(path.glob("checkpoints/state-*.npz"))) == 2
    return path


def test_an_interrupted_run_ends_as_if_it_had_not_been(interrupted: Path, reference: Path) -> None:
    result = run("resume", interrupted, "--json")
    assert result.exit_code == 0
    assert "continuing after" in result.stderr
    assert json.loads(result.stdout) == json.loads((interrupted / "results.json").read_text())
    assert len(json.loads((interrupted / "environment.json").read_text())["resumed"]) == 1
    check_same(interrupted, reference)


@pytest.mark.parametrize("which", ["newest", "both"])
def test_damaged_checkpoints_are_left_aside(interrupted: Path, reference: Path, which: str) -> None:
    paths = sorted(interrupted.glob("checkpoints/state-*.npz"))
    for path in paths if which == "both" else paths[-1:]:
        path.write_bytes(path.read_bytes()[:-300])
    result = run("resume", interrupted)
    assert result.exit_code == 0
    told = [line for line in result.stderr.splitlines() if line.startswith("Warning: ")]
    assert len(told) == (2 if which == "both" else 1)
    assert "continuing from the state before it" in told[0]
    check_same(interrupted, reference)


def test_a_checkpoint_that_cannot_be_read_now_stops_a_run_and_changes_nothing(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = max(interrupted.glob("checkpoints/state-*.npz")).name
    before = {path: path.read_bytes() for path in interrupted.rglob("*") if path.is_file()}
    real: Callable[..., Any] = io.open

    def opening(file: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(file, str | os.PathLike) and Path(file).name == newest:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(file, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", opening)
        patch.setattr("io.open", opening)
        result = run("resume", interrupted)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = [line for line in result.stderr.splitlines() if "rror" in line or "arning" in line]
    assert line == (
        f"Error: {interrupted}/checkpoints/{newest}: got a file that can't be read "
        "(Permission denied), expected a readable one"
    )
    assert {path: path.read_bytes() for path in interrupted.rglob("*") if path.is_file()} == before


def test_the_events_before_damaged_checkpoints_stay_until_there_is_a_new_one(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in interrupted.glob("checkpoints/state-*.npz"):
        path.write_bytes(path.read_bytes()[:-300])
    before = (interrupted / "metrics.jsonl").read_bytes()

    def fail(checkpoints: Checkpoints, state: Any) -> None:
        raise RunFolderError("nothing", "something", "somewhere")

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "write", fail)
        assert run("resume", interrupted, *ARGUMENTS).exit_code == 2
    assert (interrupted / "metrics.jsonl").read_bytes() == before
    assert not list(interrupted.glob("*.part"))


def test_a_torn_line_is_cut_off(interrupted: Path, reference: Path) -> None:
    with open(interrupted / "metrics.jsonl", "ab") as file:
        file.write(b'{"event": "epoch", "meth')
    assert run("resume", interrupted).exit_code == 0
    check_same(interrupted, reference)


def test_lost_events_are_told(interrupted: Path) -> None:
    (interrupted / "metrics.jsonl").write_bytes(b"")
    before = sorted(interrupted.rglob("*"))
    result = run("resume", interrupted)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "metrics.jsonl: got 0 events" in result.stderr
    assert "delete checkpoints/state-*.npz to start the run again" in result.stderr
    assert sorted(interrupted.rglob("*")) == before


def test_checkpoints_of_other_settings_are_told(interrupted: Path) -> None:
    config = json.loads((interrupted / "config.json").read_text()) | {"seeds": [1]}
    (interrupted / "config.json").write_text(json.dumps(config))
    result = run("resume", interrupted)
    assert result.exit_code == 2
    assert "checkpoints: got seeds [0], expected seeds [1], as in this run" in result.stderr
    assert result.stderr.count("Error") == 1


def test_other_samples_are_told(
    tmp_path: Path, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((400, 64)), np.arange(400) % 3
    np.savez(tmp_path / "d.npz", x=x, y=y)
    given = json.loads(settings.read_text()) | {"dataset": f"npz:{tmp_path}/d.npz"}
    (tmp_path / "s.json").write_text(json.dumps(given))
    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "after_step", stopping_at(9))
        arguments = ["--config", tmp_path / "s.json", "--run-dir", path]
        assert run("compare", *arguments).exit_code == 143
    x[0, 0] += 1e-3
    np.savez(tmp_path / "d.npz", x=x, y=y)
    result = run("resume", path)
    assert result.exit_code == 2
    assert "checkpoints: got samples" in result.stderr


def test_results_of_a_newer_ibtrain_cost_no_checkpoint(interrupted: Path) -> None:
    (interrupted / "results.json").write_text('{"schema": 2}')
    before = sorted(interrupted.rglob("*"))
    result = run("resume", interrupted)
    assert result.exit_code == 2
    assert "made by a newer ibtrain" in result.stderr
    assert sorted(interrupted.rglob("*")) == before


@pytest.mark.parametrize(
    "results", ["{}", '{"schema": 1, "layerwise": [{"test_accuracy": 0.5}]}', '{"layerwise": []}']
)
def test_results_that_no_run_makes_are_told(interrupted: Path, results: str) -> None:
    (interrupted / "results.json").write_text(results)
    result = run("resume", interrupted)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "got a result or an event that does not fit" in result.stderr
    assert sum(line.startswith("Error: ") for line in result.stderr.splitlines()) == 1


def test_a_stderr_that_is_gone_loses_nothing(tmp_path: Path, settings: Path) -> None:
    """Ctrl-C ends the `tee` that stderr is piped to as well."""
    path = tmp_path / "run"
    with start("compare", "--config", settings, "--run-dir", path, *ARGUMENTS) as process:
        while not list(path.glob("checkpoints/state-*.npz")):
            time.sleep(0.01)
        assert process.stderr
        process.stderr.close()
        process.send_signal(signal.SIGINT)
    assert process.returncode == 130
    assert run("resume", path).exit_code == 0


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_what_is_no_run_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    result = run("resume", tmp_path / name)
    assert result.exit_code == 2
    assert "got no run there" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_second_signal_stops_at_once() -> None:
    heard: list[int] = []
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt) as caught, graceful(heard.append):
        os.kill(os.getpid(), signal.SIGINT)
        assert heard == [signal.SIGINT]
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.args == (signal.SIGTERM,)
    assert heard == [signal.SIGINT]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def _unanswered(number: int, frame: FrameType | None) -> None:
    raise RuntimeError(f"signal {number} was not answered")


@pytest.fixture
def hangup() -> Iterator[None]:
    """A process in which an unanswered hangup is an error, also if nohup started the tests."""
    before = signal.signal(signal.SIGHUP, _unanswered)
    yield
    signal.signal(signal.SIGHUP, before)


def test_a_closed_session_ends_a_run_as_sigterm_does(
    tmp_path: Path, settings: Path, monkeypatch: pytest.MonkeyPatch, hangup: None
) -> None:
    path = tmp_path / "run"
    monkeypatch.setattr(Checkpoints, "after_step", stopping_at(5, signal.SIGHUP))
    result = run("compare", "--config", settings, "--run-dir", path, *ARGUMENTS)
    assert result.exit_code == 129
    assert f"Error: Interrupted. Continue with: ibtrain resume {path}" in result.stderr
    assert len(list(path.glob("checkpoints/state-*.npz"))) == 1
    assert signal.getsignal(signal.SIGHUP) is _unanswered


def test_a_terminal_that_is_gone_leaves_a_checkpoint(tmp_path: Path, settings: Path) -> None:
    """What is written to it fails from then on."""
    path = tmp_path / "run"
    process, terminal = pty.fork()
    if process == 0:
        # whoever runs the tests may have asked to ignore it, as nohup does
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        words = ["compare", "--config", str(settings), "--run-dir", str(path), *ARGUMENTS]
        os.execv(sys.executable, [sys.executable, "-c", CODE, *words])
    while not list(path.glob("checkpoints/state-*.npz")):
        with suppress(OSError):
            os.read(terminal, 1 << 16)
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGHUP
    assert run("resume", path).exit_code == 0


def test_an_ignored_hangup_stays_ignored(hangup: None) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    heard: list[int] = []
    with immediate(), graceful(heard.append):
        os.kill(os.getpid(), signal.SIGHUP)
    assert heard == []
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


@pytest.mark.parametrize(
    "name", ["-x", "a  b", "it's", "a\nb", "-\x1b[2J'\\", "é", os.fsdecode(b"\xff")]
)
def test_the_advice_can_be_typed(
    tmp_path: Path, settings: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Checkpoints, "after_step", stopping_at(2))
    result = run("compare", "--config", settings, f"--run-dir={name}", *ARGUMENTS)
    assert result.exit_code == 143
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    advice = line.removeprefix("Error: Interrupted. Continue with: ibtrain resume ")
    script = f"printf %s {advice}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    assert (tmp_path / os.fsdecode(done.stdout)).samefile(tmp_path / name)
    assert advice.isprintable()
    assert not advice.startswith("-")


def test_a_run_stopped_at_once_says_how_to_go_on(
    tmp_path: Path, settings: Path, reference: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("ibtrain.report.finished.save_report", stop)
        result = run("compare", "--config", settings, "--run-dir", path, *ARGUMENTS)
    assert result.exit_code == 130
    assert f"Continue with: ibtrain resume {path}" in result.stderr
    assert run("resume", path).exit_code == 0
    check_same(path, reference)
