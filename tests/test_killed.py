"""Whatever ends a process, and whenever: its run goes on, and ends as if nothing had happened."""

import json
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from disks import mounted
from processes import SETTINGS, check_same, compare_command, ended, start

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Reference:
    """A run that nothing happened to.

    Args:
        folder: Where it is.
        settings: The file that it was made from.
        seconds: It took, once its folder was there.
    """

    folder: Path
    settings: Path
    seconds: float


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    root = tmp_path_factory.mktemp("reference")
    settings = root / "settings.json"
    settings.write_text(json.dumps(SETTINGS))
    process = start(*compare_command(root / "run", settings))
    began = wait_for(root / "run" / "config.json")
    ended(process)
    return Reference(root / "run", settings, time.monotonic() - began)


def wait_for(path: Path) -> float:
    """When it was there."""
    while not path.exists():
        time.sleep(0.01)
    return time.monotonic()


def end_somewhere(reference: Reference, folder: Path, how: signal.Signals, moment: float) -> bool:
    """Starts a run and ends it after a share of its time; says whether it was still going."""
    process = start(*compare_command(folder, reference.settings))
    wait_for(folder)
    time.sleep(moment * reference.seconds)
    process.send_signal(how)
    error = ended(process, 0, -how, 128 + how)
    if process.returncode == 128 + how:
        assert f"ibtrain resume {folder}" in error
    return process.returncode != 0


@pytest.mark.parametrize(
    "how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda how: how.name
)
def test_a_run_that_is_ended_at_any_moment_is_not_lost(
    reference: Reference, tmp_path: Path, how: signal.Signals, request: pytest.FixtureRequest
) -> None:
    endings = request.config.getoption("--endings")
    moments = random.Random(f"{how} {endings}")
    unfinished = 0
    for number in range(endings):
        folder = tmp_path / str(number)
        unfinished += end_somewhere(reference, folder, how, moments.random())
        if (folder / "config.json").exists() and moments.random() < 0.5:
            ended(start("resume", folder, "--checkpoint-every", "1"))
        else:
            ended(start(*compare_command(folder, reference.settings)))
        check_same(folder, reference.folder)
    print(f"{how.name}: {endings} of {endings} runs ended alike, {unfinished} of them ended early")  # noqa: T201


def test_a_run_whose_disk_fills_up_goes_on_when_there_is_room(
    reference: Reference, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    endings = request.config.getoption("--endings")
    needed = (
        sum(path.stat().st_size for path in reference.folder.rglob("*") if path.is_file()) >> 10
    )
    moments = random.Random(endings)
    for number in range(endings):
        with mounted(tmp_path / f"disk{number}", 2 * needed + 512) as disk:
            ballast = disk / "ballast"
            left = moments.randrange(needed + 256)
            ballast.write_bytes(bytes((2 * needed + 512 - left) << 10))
            folder = disk / "run"
            error = ended(start(*compare_command(folder, reference.settings)), 0, 1)
            assert not error or "Error" not in error or "No space left on device" in error
            ballast.unlink()
            ended(start(*compare_command(folder, reference.settings)))
            check_same(folder, reference.folder)
