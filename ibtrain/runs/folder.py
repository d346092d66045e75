"""A run's folder on disk: what it holds, and how it is written whole or not at all."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from ibtrain.config import RunConfig, difference
from ibtrain.config.interval import CheckpointInterval
from ibtrain.errors import ConfigError, IBTrainWarning, RunFolderError, UnreadableError
from ibtrain.io.documents import is_regular, parse_json, read_bytes
from ibtrain.io.files import SCRATCH, read_error, write_atomically, write_error, write_json
from ibtrain.io.lock import FolderLock, folder_lock
from ibtrain.plane.point import PlanePoint
from ibtrain.runs.checkpoints import Checkpoints
from ibtrain.runs.documents import SCHEMA, read_document, read_results
from ibtrain.runs.events import EventLog

__all__ = ["RunFolder"]

LOCK = ".lock"


class RunFolder:
    """The folder of one run.

    It holds ``config.json``, ``environment.json``, ``metrics.jsonl`` (an event a line),
    ``results.json``, ``checkpoints/`` and pictures.

    Args:
        path: The folder.
        lock: Holds it for this process, if it is written to.

    Attributes:
        events: What ``metrics.jsonl`` holds.
    """

    def __init__(self, path: Path, lock: FolderLock | None = None) -> None:
        self.path = path
        self._lock = lock
        self.events = EventLog(path / "metrics.jsonl", self.check_owned)

    @classmethod
    @contextmanager
    def claim(
        cls, path: Path | None, config: RunConfig, environment: dict[str, Any]
    ) -> Iterator["RunFolder"]:
        """A run's folder, in which no other process works until the block is left.

        Args:
            path: The folder: none yet, an empty one, or one of a run with the same settings, which
                then goes on; None is ``runs/METHOD-DATASET-DATE-TIME``.
            config: The run's settings.
            environment: What it runs on.

        Raises:
            RunFolderError: Something else is there already, another process is at work there, or it
                can't be written.
        """
        path = path or _fresh_path(config)
        is_new = _make_folder(path)
        try:
            with folder_lock(path / LOCK) as lock:
                folder = cls(path, lock)
                folder._begin(config, environment)
                try:
                    yield folder
                finally:
                    try:
                        is_new = is_new and lock.is_in_place
                    except OSError:
                        # what can't be inspected may be another process's
                        is_new = False
                    folder.events.drop_new()
                    folder._lock = None
        finally:
            if is_new:
                # it is left alone where there is something in it
                with suppress(OSError):
                    path.rmdir()

    def _begin(self, config: RunConfig, environment: dict[str, Any]) -> None:
        """Writes what is known of a new run; checks that one which is there already is the same."""
        self._check_inside()
        if (self.path / "config.json").exists():
            self.check_same(config)
        elif not _is_empty(self.path):
            where = str(self.path)
            raise RunFolderError("something there already", "a new or empty folder", where)
        self._sweep()
        try:
            if not (self.path / "config.json").exists():
                self._write_json("environment.json", environment)
                write_atomically(self.path / "config.json", config.to_json())
        except RunFolderError:
            with suppress(OSError):
                (self.path / "environment.json").unlink()
            raise
        try:
            (self.path / "checkpoints").mkdir(exist_ok=True)
        except OSError as error:
            raise write_error("a folder", error, self.path / "checkpoints") from error

    def _check_inside(self) -> None:
        """Nothing that is written leads out of the folder."""
        if (self.path / "checkpoints").is_symlink():
            where = str(self.path / "checkpoints")
            raise RunFolderError("a link out of the run's folder", "a folder", where)

    def check_owned(self) -> None:
        """Checks before a write that the folder is still the one that this process has locked.

        Raises:
            RunFolderError: If it has been deleted, moved or replaced.
        """
        if self._lock:
            self._lock.check()

    def _write_json(self, name: str, document: dict[str, Any]) -> None:
        self.check_owned()
        write_json(self.path / name, document, indent=2)

    def check_same(self, config: RunConfig) -> None:
        """Checks that the run there is the one that is asked for.

        Raises:
            RunFolderError: If a setting differs.
        """
        change = difference(config.to_dict(), self.config().to_dict())
        if change:
            place, wanted, there = change
            expected = f"{there}, as in the run that is there, or a new folder"
            raise RunFolderError(wanted, expected, f"{self.path}: {place}")

    def _sweep(self) -> None:
        """Deletes what a killed process was writing."""
        for folder in (self.path, self.path / "checkpoints"):
            for path in folder.glob(SCRATCH):
                # a folder of such a name is none of ours
                with suppress(OSError):
                    path.unlink()

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """An existing run's folder.

        Raises:
            RunFolderError: There is no run there, or its checkpoints would be written elsewhere.
        """
        try:
            is_run = is_regular(path / "config.json")
        except OSError as error:
            expected = f"a run's folder, with its config.json ({error.strerror})"
            raise RunFolderError("no run there", expected, str(path)) from error
        if not is_run:
            raise RunFolderError("no run there", "a run's folder, with its config.json", str(path))
        folder = cls(path)
        folder._check_inside()
        return folder

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to train.

        Raises:
            UnreadableError: If the folder can't be inspected now.
        """
        path = self.path / "results.json"
        try:
            return path.exists()
        except OSError as error:
            raise read_error(error, path) from error

    def checkpoints(self, interval: CheckpointInterval) -> Checkpoints:
        """Keeps the state of the run, and what its events say until then, on the disk."""
        return Checkpoints(
            self.path / "checkpoints",
            interval,
            before=self.events.flush,
            before_move=self.events.settle,
        )

    def note_environment(self, environment: dict[str, Any], *, is_resuming: bool) -> None:
        """Records on what a run begins or continues; warns if that may change its last digits."""
        if not is_resuming:
            self._write_json("environment.json", environment)
            return
        try:
            first = self.read_json("environment.json")
        except UnreadableError:
            raise
        except RunFolderError:
            # missing or broken, and nothing depends on it
            first = {}
        for name in ("versions", "device", "threads"):
            if first.get(name) != environment[name]:
                message = (
                    f"the run began with {name} {first.get(name)} and continues with "
                    f"{environment[name]}: its last digits may differ"
                )
                warnings.warn(message, IBTrainWarning, stacklevel=2)
        before = first.get("resumed")
        resumed = [*(before if isinstance(before, list) else ()), environment]
        self._write_json("environment.json", {**first, "resumed": resumed})

    def plane_points(self) -> list[PlanePoint]:
        """Every point of the information plane that the run has recorded.

        Raises:
            RunFolderError: If a recorded point is broken.
        """
        return self.events.plane_points()

    def config(self) -> RunConfig:
        """The run's settings.

        Raises:
            RunFolderError: They are missing, broken, or no run's.
        """
        path = self.path / "config.json"
        try:
            return RunConfig.from_dict(self.read_json("config.json"))
        except ConfigError as error:
            where = f"{path}: {error.where}"
            raise RunFolderError(error.given, error.expected, where) from error

    def results(self) -> dict[str, Any]:
        """The document ``results.json``, of which accuracies and names have been checked.

        Raises:
            RunFolderError: It is missing, broken, or of a newer schema.
        """
        return read_results(self.path / "results.json")

    def read_json(self, name: str) -> dict[str, Any]:
        """One of the folder's JSON documents.

        Raises:
            RunFolderError: It is missing, broken, or of a newer schema.
        """
        return read_document(self.path / name)

    def write_results(self, results: dict[str, Any]) -> dict[str, Any]:
        """Writes ``results.json`` and returns what it holds."""
        self.events.flush()
        self.events.settle()
        document = {"schema": SCHEMA, **results}
        self._write_json("results.json", document)
        return document


def _make_folder(path: Path) -> bool:
    """Makes it with those above it; says whether it was not there."""
    try:
        was_there = path.exists()
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise write_error("a folder", error, path) from error
    return not was_there


def _is_empty(path: Path) -> bool:
    """Whether nothing is there but what a process that was killed at its start may have left."""
    return all(
        p.name == LOCK or p.match(SCRATCH) or _is_empty_folder(p) or _is_environment(p)
        for p in path.iterdir()
    )


def _is_environment(path: Path) -> bool:
    """Whether a file says on what a run was to begin."""
    try:
        return path.name == "environment.json" and "started" in parse_json(read_bytes(path))
    except (OSError, TypeError, ValueError):
        return False


def _is_empty_folder(path: Path) -> bool:
    return path.name == "checkpoints" and path.is_dir() and not any(path.iterdir())


def _fresh_path(config: RunConfig) -> Path:
    # a name with a slash in it would lead to another folder
    dataset = re.sub(r"[^\w-]", "_", config.dataset.partition(":")[0])
    method = "compare" if len(config.methods) > 1 else config.methods[0].replace("_", "-")
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    base = Path("runs") / f"{method}-{dataset}-{stamp}"
    path, number = base, 2
    while path.exists():
        path, number = base.with_name(f"{base.name}-{number}"), number + 1
    return path
