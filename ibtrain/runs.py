"""A run's folder on disk: what it holds, and how it is written whole or not at all."""

import io
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ibtrain.config import RunConfig
from ibtrain.errors import RunFolderError
from ibtrain.plane.point import PlanePoint

__all__ = ["RunFolder", "environment", "list_runs", "save_checkpoint", "write_atomically"]

SCHEMA = 1


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes a file beside its place, flushes it, and moves it there."""
    data = content.encode() if isinstance(content, str) else content
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(scratch, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise RunFolderError(
            "a file that can't be written", f"a writable place ({error.strerror})", str(path)
        ) from error


class RunFolder:
    """The folder of one run.

    It holds ``config.json``, ``environment.json``, ``metrics.jsonl`` (an event a line),
    ``results.json``, ``checkpoints/`` and pictures.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(
        cls, path: Path | None, config: RunConfig, environment: dict[str, Any]
    ) -> "RunFolder":
        """Makes the folder, ``runs/DATASET-DATE-TIME`` by default, and writes what is known.

        Raises:
            RunFolderError: It is there already with something in it, or can't be written.
        """
        path = path or _fresh_path(config)
        try:
            if path.exists() and (not path.is_dir() or any(path.iterdir())):
                raise RunFolderError("something there already", "a new or empty folder", str(path))
            (path / "checkpoints").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            expected = f"a place where a folder can be made ({error.strerror})"
            raise RunFolderError("a path that can't be written", expected, str(path)) from error
        write_atomically(path / "config.json", config.to_json())
        write_atomically(path / "environment.json", json.dumps(environment, indent=2) + "\n")
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """An existing run's folder.

        Raises:
            RunFolderError: There is no run there.
        """
        if not (path / "config.json").is_file():
            raise RunFolderError("no run there", "a run's folder, with its config.json", str(path))
        return cls(path)

    def append(self, event: dict[str, Any]) -> None:
        """Adds one event to ``metrics.jsonl``."""
        path = self.path / "metrics.jsonl"
        try:
            with open(path, "a") as file:
                file.write(json.dumps(event) + "\n")
        except OSError as error:
            expected = f"a file that can be written ({error.strerror})"
            raise RunFolderError("an event that can't be added", expected, str(path)) from error

    def events(self, kind: str | None = None) -> Iterator[dict[str, Any]]:
        """The events of ``metrics.jsonl``, or those of one kind.

        Raises:
            RunFolderError: A line is not an event.
        """
        path = self.path / "metrics.jsonl"
        if not path.is_file():
            return
        for number, line in enumerate(path.read_text().splitlines(), 1):
            try:
                event = json.loads(line)
                if kind is None or event["event"] == kind:
                    yield event
            except (ValueError, KeyError, TypeError) as error:
                raise RunFolderError(
                    "a broken line", "an event in JSON", f"{path}:{number}"
                ) from error

    def plane_points(self) -> list[PlanePoint]:
        """Every point of the information plane that the run has recorded.

        Raises:
            RunFolderError: A recorded point is broken.
        """
        points = []
        for event in self.events("plane"):
            try:
                points.append(PlanePoint.from_dict(event["point"]))
            except (KeyError, TypeError) as error:
                where = str(self.path / "metrics.jsonl")
                raise RunFolderError("a broken point", "a point of the plane", where) from error
        return points

    def read_json(self, name: str) -> dict[str, Any]:
        """One of the folder's JSON documents.

        Raises:
            RunFolderError: It is missing or broken.
        """
        path = self.path / name
        try:
            document = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise RunFolderError(
                "a missing or broken file", f"JSON ({error})", str(path)
            ) from error
        if not isinstance(document, dict):
            raise RunFolderError(type(document).__name__, "a JSON object", str(path))
        return document

    def write_results(self, results: dict[str, Any]) -> dict[str, Any]:
        """Writes ``results.json`` and returns what it holds."""
        document = {"schema": SCHEMA, **results}
        write_atomically(self.path / "results.json", json.dumps(document, indent=2) + "\n")
        return document


def _fresh_path(config: RunConfig) -> Path:
    dataset = config.dataset.partition(":")[0]
    method = "compare" if len(config.methods) > 1 else config.methods[0].replace("_", "-")
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    base = Path("runs") / f"{method}-{dataset}-{stamp}"
    path, number = base, 2
    while path.exists():
        path, number = base.with_name(f"{base.name}-{number}"), number + 1
    return path


def list_runs(folder: Path) -> list[RunFolder]:
    """The runs directly below a folder, oldest first.

    Raises:
        RunFolderError: There is no such folder.
    """
    if not folder.is_dir():
        raise RunFolderError("no such folder", "a folder of runs", str(folder))
    found = [path for path in folder.iterdir() if (path / "config.json").is_file()]
    return [RunFolder(path) for path in sorted(found, key=lambda path: path.stat().st_mtime)]


def save_checkpoint(folder: RunFolder, name: str, network: nn.Module, readout: nn.Module) -> None:
    """Saves ``network`` and ``readout``, whose argmax predicts, as ``checkpoints/NAME.pt``.

    Both are state dicts, and load with ``weights_only=True``.
    """
    buffer = io.BytesIO()
    torch.save({"network": network.state_dict(), "readout": readout.state_dict()}, buffer)
    write_atomically(folder.path / "checkpoints" / f"{name}.pt", buffer.getvalue())


def environment(device: str, threads: int) -> dict[str, Any]:
    """Versions, hardware, threads and commit: what a figure depends on besides its settings."""
    names = ("ibtrain", "torch", "torchvision", "numpy", "matplotlib", "scikit-learn")
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in names},
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "device": device,
        "threads": threads,
        "git_commit": _git_commit(),
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """The commit of the source tree that this package runs from, if it is one."""
    here = Path(__file__).resolve().parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
