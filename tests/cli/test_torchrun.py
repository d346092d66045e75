"""``torchrun -m ibtrain``: several processes train a run as one would, also after some of them were killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from processes import SETTINGS, check_same, compare_command, start

pytestmark = pytest.mark.slow

KILLS = 20


def torchrun(
    count: int,
    *arguments: str | Path,
    program: Sequence[str | Path] = ("-m", "ibtrain"),
    folder: Path | None = None,
) -> subprocess.Popen[str]:
    options = ["--standalone", "--nproc-per-node", str(count), *program, *arguments]
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", *map(str, options)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def ended(process: subprocess.Popen[str], *, well: bool = True) -> list[str]:
    """What ibtrain says about errors, once torchrun has ended."""
    _, error = process.communicate(timeout=300)
    assert (process.returncode == 0) == well, error
    return [line for line in error.splitlines() if line.startswith(("Error", "Warning"))]


def process_of(rank: int, launcher: int) -> int | None:
    """The process that torchrun has started for a rank."""
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == launcher and f"\0RANK={rank}\0" in (path / "environ").read_text():
                return int(path.name)
    return None


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("settings") / "settings.json"
    path.write_text(json.dumps(SETTINGS))
    return path


@pytest.fixture(scope="module")
def reference(settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two processes that nothing happened to."""
    folder = tmp_path_factory.mktemp("reference") / "run"
    assert not ended(torchrun(2, *compare_command(folder, settings)))
    return folder


def interrupt(process: subprocess.Popen[str], folder: Path) -> None:
    """Ends a run by SIGTERM once it has a checkpoint."""
    while not list(folder.glob("checkpoints/state*")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=300)


def accuracies(folder: Path) -> list[float]:
    results = json.loads((folder / "results.json").read_text())
    return [each["test_accuracy"] for m in ("layerwise", "end_to_end") for each in results[m]]


def test_the_number_of_processes_changes_rounding_only(
    reference: Path, settings: Path, tmp_path: Path
) -> None:
    found = accuracies(reference)
    start(*compare_command(tmp_path / "one", settings)).communicate(timeout=300)
    assert not ended(torchrun(4, *compare_command(tmp_path / "four", settings)))
    # 359 test samples: rounding may change the prediction of a sample or two
    assert accuracies(tmp_path / "one") == pytest.approx(found, abs=2.1 / 359)
    assert accuracies(tmp_path / "four") == pytest.approx(found, abs=2.1 / 359)


@pytest.mark.parametrize("number", range(KILLS))
def test_a_run_goes_on_after_the_death_of_a_process(
    number: int, reference: Path, settings: Path, tmp_path: Path
) -> None:
    draws = random.Random(number)
    folder, rank = tmp_path / "run", number % 2
    process = torchrun(2, *compare_command(folder, settings))
    while not (folder / "config.json").exists():
        time.sleep(0.01)
    time.sleep(draws.uniform(0, 3))
    victim = process_of(rank, process.pid)
    if victim:
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    _, error = process.communicate(timeout=300)
    # also after the death of a process whose part was done
    is_finished = (folder / "results.json").exists()
    told = [line for line in error.splitlines() if line.startswith("Error")]
    # the first process, which tells, may be the victim
    assert len(told) <= 1
    if not is_finished and process.returncode and rank == 1:
        assert len(told) == 1
        assert f"ibtrain resume {folder}" in told[0]
    assert not ended(torchrun(2, *compare_command(folder, settings)))
    check_same(folder, reference)


def test_another_number_of_processes_goes_on(
    reference: Path, settings: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    interrupt(torchrun(3, *compare_command(folder, settings)), folder)
    assert not ended(torchrun(2, "resume", folder))
    assert accuracies(folder) == pytest.approx(accuracies(reference), abs=2.1 / 359)


def test_dropout_goes_on_alike(settings: Path, tmp_path: Path) -> None:
    options = ["--dropout", "0.3", "--batch-size", "51"]
    command = [*compare_command(tmp_path / "whole", settings), *options]
    assert not ended(torchrun(2, *command))
    folder = tmp_path / "run"
    interrupt(torchrun(2, *compare_command(folder, settings), *options), folder)
    assert not ended(torchrun(2, "resume", folder))
    check_same(folder, tmp_path / "whole")


def test_other_samples_in_another_process_are_told(tmp_path: Path) -> None:
    """As on a machine whose file system is not shared."""
    settings = {**SETTINGS, "dataset": "npz:data.npz"}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    x = np.random.default_rng(0).normal(size=(200, 3))
    script = tmp_path / "elsewhere.py"
    script.write_text(
        "import os, socket; rank = os.environ['RANK']; os.chdir(rank); socket.gethostname = lambda: rank\n"
        "from ibtrain.cli.entry import main; main()"
    )
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        y = (x[:, number] > 0).astype(int)
        np.savez(tmp_path / str(number) / "data.npz", x=x, y=y)
    command = compare_command(tmp_path / "run", tmp_path / "settings.json")
    process = torchrun(2, *command, program=[script], folder=tmp_path)
    (told,) = [line for line in ended(process, well=False) if "process 1" in line]
    assert "torchrun: got samples" in told


def test_no_thread_outlives_the_exchange(tmp_path: Path) -> None:
    """One that does may abort the process at its exit."""
    script = tmp_path / "exchange.py"
    script.write_text(
        "import os\n"
        "from contextlib import suppress\n"
        "from pathlib import Path\n"
        "import torch\n"
        "from ibtrain.backend.exchange import all_rows, my_rows\n"
        "from ibtrain.backend.process_group import process_group\n"
        "def threads():\n"
        "    names = []\n"
        "    for task in Path('/proc/self/task').iterdir():\n"
        "        with suppress(FileNotFoundError):\n"
        "            names.append((task / 'comm').read_text())\n"
        "    return sum('gloo' in name for name in names)\n"
        "with process_group():\n"
        "    rows = my_rows(torch.ones(4, 1))\n"
        "    torch.optim.SGD([rows])\n"
        "    all_rows(rows, 4)\n"
        "    within = threads()\n"
        "Path(f'threads-{os.environ[\"RANK\"]}').write_text(f'{within > 0} {threads()}')\n"
    )
    assert not ended(torchrun(2, program=[script], folder=tmp_path))
    # a file for each: what both write to one pipe is mixed
    assert [path.read_text() for path in tmp_path.glob("threads-*")] == ["True 0"] * 2


def test_workers_are_refused_once(settings: Path, tmp_path: Path) -> None:
    command = [*compare_command(tmp_path / "run", settings), "--workers", "2"]
    told = ended(torchrun(2, *command), well=False)
    assert told == ["Error: --workers: got --workers 2, expected no --workers with torchrun"]
    assert not (tmp_path / "run").exists()


def test_an_estimate_is_printed_once(tmp_path: Path) -> None:
    """Its processes share the work; the first one writes."""
    x, noise = np.random.default_rng(0).standard_normal((2, 5000, 2))
    path, curve = tmp_path / "pairs.npz", tmp_path / "curve.png"
    np.savez(path, x=x, y=x + noise)
    words = ["estimate", path, "--json", "--set", "steps=20"]
    process = torchrun(2, *words, "--curve", curve)
    output, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    alone = subprocess.run(
        [sys.executable, "-m", "ibtrain", *map(str, words)], stdout=subprocess.PIPE, check=True
    )
    shared, one = json.loads(output), json.loads(alone.stdout)
    assert {**shared, "seconds": 0} == {**one, "seconds": 0}
    assert curve.exists()
    assert ended(torchrun(2, "estimate", path, "--x", "none"), well=False) == [
        f"Error: {path}: got keys x, y, expected a key 'none'"
    ]
    # an error that only the second process meets: the first column is constant, and the first two pairs are its
    table = tmp_path / "table.csv"
    table.write_text("a,b,c\n" + "".join(f"1,{i},{i * i % 97}\n" for i in range(200)))
    assert ended(torchrun(2, "estimate", table, "--matrix", "--set", "k=0"), well=False) == [
        "Error: k: got 0, expected a whole number of 1 or more"
    ]
