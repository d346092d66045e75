"""Real ``ibtrain`` processes, and what their run folders must agree in."""

import json
import os
import pty
import re
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path
from typing import Any

SETTINGS = {
    "dataset": "digits",
    "seeds": [0, 1],
    "model": {"hidden": [12, 8]},
    "layerwise": {"epochs": 3, "batch_size": 128},
    "end_to_end": {"epochs": 4, "batch_size": 64, "patience": 3},
    "validation": 0.1,
    "device": "cpu",
    "threads": 1,
    "plane": {
        "points": 4, "samples": 60, "train_samples": 100, "critic_steps": 4, "audit_every": 2,
        "batch_size": 32,
    },
}  # fmt: skip
"""A comparison that is over in seconds and has everything in it that a longer one has."""

CODE = "from ibtrain.cli.entry import main; main()"
TIMES = ("seconds", "peak_memory_mib")


def compare_command(folder: Path, settings: Path) -> list[str]:
    """The same for every beginning and every repetition of a run."""
    return [
        "compare", "--config", str(settings), "--run-dir", str(folder), "--checkpoint-every", "1",
    ]  # fmt: skip


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CODE, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def ended(process: subprocess.Popen[str], *expected: int) -> str:
    """Its stderr, once it has ended with a code that was expected."""
    _, error = process.communicate(timeout=300)
    assert process.returncode in (expected or (0,)), error
    assert "Traceback" not in error
    return error


def written_to_terminal(columns: int, code: str, *arguments: str) -> str:
    """What Python code writes to a terminal of a width, with the modules of the tests at hand."""
    control, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (40, columns))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, "-c", code, *arguments]
    process = subprocess.Popen(command, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    parts = []
    # Linux reports the end of a terminal as an error
    with suppress(OSError):
        while part := os.read(control, 1 << 16):
            parts.append(part)
    os.close(control)
    assert process.wait() == 0
    return b"".join(parts).decode()


def timeless(value: Any) -> Any:
    """A value of dictionaries and lists without the times in it."""
    if isinstance(value, dict):
        return {key: timeless(inner) for key, inner in value.items() if key not in TIMES}
    return [timeless(inner) for inner in value] if isinstance(value, list) else value


def _page(text: str) -> Any:
    """The document of a report page, times, commands and the surroundings aside."""
    match = re.search(r'id="document">(.*?)</script>', text)
    assert match is not None
    document = timeless(json.loads(match[1]))
    del document["title"]
    for run in document["runs"]:
        for key in ("name", "environment", "command", "repeat"):
            del run[key]
    for row in document["differences"]:
        del row["where"]
    return document


def contents(folder: Path) -> dict[str, Any]:
    """Every file of a finished run, times and the surroundings aside."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir():
            found[name] = None
        elif path.suffix == ".json" and name != "environment.json":
            found[name] = timeless(json.loads(path.read_text()))
        elif path.suffix == ".jsonl":
            found[name] = [timeless(json.loads(line)) for line in path.read_text().splitlines()]
        elif name == "report.html":
            found[name] = _page(path.read_text())
        elif name != "environment.json":
            found[name] = path.read_bytes()
    return found


def check_same(folder: Path, reference: Path) -> None:
    """The two runs ended alike, byte for byte."""
    found, expected = contents(folder), contents(reference)
    assert found.keys() == expected.keys()
    different = [name for name, content in expected.items() if found[name] != content]
    assert not different
