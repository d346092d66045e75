"""A run's folder on disk: its files, which are written atomically."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ibtrain.config import Method, RunConfig, difference
from ibtrain.config.interval import CheckpointInterval
from ibtrain.config.recipes import comparable
from ibtrain.errors import RunFolderError, UnreadableError, warn
from ibtrain.io.files import SCRATCH, read_error, write_atomically, write_error, write_json
from ibtrain.io.lock import FolderLock, folder_lock
from ibtrain.lazy import html_method
from ibtrain.plane.point import PlanePoint
from ibtrain.plane.points import csv_text
from ibtrain.runs.checkpoints import Checkpoints
from ibtrain.runs.documents import SCHEMA, read_config, read_document, read_results
from ibtrain.runs.events import EventLog
from ibtrain.runs.places import LOCK, PARTS_FOLDER, check_is_run, is_empty, make_folder, new_path
from ibtrain.text import setting_text

if TYPE_CHECKING:
    from ibtrain.train.network import TrainedNetwork

__all__ = ["RunFolder"]


class RunFolder:
    """The folder of one run.

    It holds ``config.json``, ``environment.json``, ``metrics.jsonl`` (one event per line),
    ``plane.csv``, ``results.json``, ``checkpoints/`` and pictures.

    Args:
        path: The folder.
        lock: This process's lock on the folder; None if the folder is only read.

    Attributes:
        events: The log ``metrics.jsonl``.
    """

    def __init__(self, path: Path, lock: FolderLock | None = None) -> None:
        self.path = path
        self._lock = lock
        self.events = EventLog(path / "metrics.jsonl", self.check_owned)

    def __repr__(self) -> str:
        return f"<RunFolder: {str(self.path)!r}>"

    _repr_html_ = html_method("ibtrain.report.notebook:run_html")

    @classmethod
    @contextmanager
    def claim(
        cls, path: Path | None, config: RunConfig, environment: dict[str, Any]
    ) -> Iterator["RunFolder"]:
        """Locks a run's folder for this process until the block is left, and creates it if necessary.

        Args:
            path: The folder: a new one, an empty one, or that of a run with the same settings, which
                continues; None is ``runs/METHOD-DATASET-DATE-TIME``.
            config: The run's settings.
            environment: Versions, device and threads of the run.

        Raises:
            RunFolderError: If the folder holds other files, is used by another process, or can't be
                written.
        """
        path = path or new_path(config)
        is_new = make_folder(path)
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
                        # a lock that can't be inspected may belong to another process
                        is_new = False
                    folder.events.drop_new()
                    folder._lock = None
        finally:
            if is_new:
                # rmdir fails if the folder is not empty, and leaves it as it is
                with suppress(OSError):
                    path.rmdir()

    def _begin(self, config: RunConfig, environment: dict[str, Any]) -> None:
        """Writes settings and environment of a new run, or checks that an existing run has the same settings."""
        self._check_inside()
        if (self.path / "config.json").exists():
            self.check_same(config)
        elif not is_empty(self.path):
            where = str(self.path)
            raise RunFolderError("a folder with other files", "a new or empty folder", where)
        self._delete_scratch()
        try:
            if not (self.path / "config.json").exists():
                self._write_json("environment.json", environment)
                write_atomically(self.path / "config.json", config.to_json())
        except RunFolderError:
            with suppress(OSError):
                (self.path / "environment.json").unlink()
            raise
        self.subfolder("checkpoints")

    def subfolder(self, name: str) -> Path:
        """Returns a folder within the run's folder, and creates it if necessary.

        Raises:
            RunFolderError: If it can't be created.
        """
        self.check_owned()
        path = self.path / name
        try:
            path.mkdir(exist_ok=True)
        except OSError as error:
            raise write_error("a folder", error, path) from error
        return path

    def _check_inside(self) -> None:
        """Checks that no file is written outside the folder, through a link."""
        if (self.path / "checkpoints").is_symlink():
            where = str(self.path / "checkpoints")
            raise RunFolderError("a link out of the run's folder", "a folder", where)

    def check_owned(self) -> None:
        """Checks, before a write, that this process still holds the folder's lock.

        Raises:
            RunFolderError: If the folder has been deleted, moved or replaced.
        """
        if self._lock:
            self._lock.check()

    def _write_json(self, name: str, document: dict[str, Any]) -> None:
        self.check_owned()
        write_json(self.path / name, document, indent=2)

    def check_same(self, config: RunConfig) -> None:
        """Checks that the existing run has these settings.

        Raises:
            RunFolderError: If a setting differs.
        """
        change = difference(*comparable(config, self.config()))
        if change:
            place, requested, existing = change
            given, expected = map(setting_text, (requested, existing))
            expected += ", as in the existing run, or a new folder"
            raise RunFolderError(given, expected, f"{self.path}: {place}")

    def _delete_scratch(self) -> None:
        """Deletes files that a killed process left half-written."""
        for folder in (self.path, self.path / "checkpoints"):
            for path in folder.glob(SCRATCH):
                # no run creates a folder with such a name
                with suppress(OSError):
                    path.unlink()

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Opens an existing run's folder.

        Raises:
            RunFolderError: If the path is not a run's folder, or if ``checkpoints`` is a link.
        """
        check_is_run(path)
        folder = cls(path)
        folder._check_inside()
        return folder

    @property
    def is_finished(self) -> bool:
        """Whether the run has its results.

        Raises:
            UnreadableError: If the folder can't be inspected now.
        """
        path = self.path / "results.json"
        try:
            return path.exists()
        except OSError as error:
            raise read_error(error, path) from error

    def checkpoints(self, interval: CheckpointInterval) -> Checkpoints:
        """The run's checkpoints; the events before a checkpoint are flushed to the disk first."""
        return Checkpoints(
            self.path / "checkpoints",
            interval,
            before=self.events.flush,
            before_move=self.events.settle,
        )

    def note_environment(self, environment: dict[str, Any], *, is_resuming: bool) -> None:
        """Records versions, device and threads of a new or resumed run.

        Warns if they have changed, because results may then differ in their last digits.
        """
        if not is_resuming:
            self._write_json("environment.json", environment)
            return
        try:
            first = self.read_json("environment.json")
        except UnreadableError:
            raise
        except RunFolderError:
            # missing or broken: no result depends on this file
            first = {}
        for name in ("versions", "device", "threads"):
            if first.get(name) != environment[name]:
                message = (
                    f"the run began with {name} {first.get(name)} and continues with "
                    f"{environment[name]}: results may differ in their last digits"
                )
                warn(message)
        earlier = first.get("resumed")
        resumed = [*(earlier if isinstance(earlier, list) else ()), environment]
        self._write_json("environment.json", {**first, "resumed": resumed})

    def plane_points(self) -> list[PlanePoint]:
        """Every point of the information plane that the run has recorded.

        Raises:
            RunFolderError: If a recorded point is broken.
        """
        return [point for log in self._logs() for point in log.plane_points()]

    def recorded(self, kind: str) -> Iterator[dict[str, Any]]:
        """Reads the events of one kind, also those of the networks that several processes are training."""
        return (event for log in self._logs() for event in log.read(kind))

    def _logs(self) -> list[EventLog]:
        parts = [] if self.is_finished else (self.path / PARTS_FOLDER).glob("*/metrics.jsonl")
        return [EventLog(path, self.check_owned) for path in sorted(parts)] or [self.events]

    def config(self) -> RunConfig:
        """The run's settings.

        Raises:
            RunFolderError: If the settings are missing, broken, or invalid.
        """
        return read_config(self.path / "config.json")

    def network(self, seed: int = 0, method: Method | None = None) -> "TrainedNetwork":
        """Returns a trained network of the run, on the CPU, which predicts from raw samples.

        The folder of an earlier version has no statistics of the inputs, for which the data set is then loaded again.

        Args:
            seed: Seed of the training.
            method: Method of the training; None is the run's first, layer-wise in a comparison.

        Raises:
            RunFolderError: If the run has no such network yet, or if its file is broken.
            DataError: If the data set is needed and can't be loaded.
        """
        from ibtrain.runs.networks import read_network

        config = self.config()
        name = (method or config.methods[0]).replace("-", "_")
        return read_network(self.path, config, cast(Method, name), seed)

    def results(self) -> dict[str, Any]:
        """The document ``results.json``, whose accuracies and names are checked.

        Raises:
            RunFolderError: If the document is missing, broken, or of a newer schema.
        """
        return read_results(self.path / "results.json")

    def read_json(self, name: str) -> dict[str, Any]:
        """Reads one of the folder's JSON documents.

        Raises:
            RunFolderError: If the document is missing, broken, or of a newer schema.
        """
        return read_document(self.path / name)

    def write_results(self, results: dict[str, Any]) -> dict[str, Any]:
        """Writes ``plane.csv`` and ``results.json``; returns the latter."""
        self.events.flush()
        self.events.settle()
        points = self.events.plane_points()
        if points:
            self.check_owned()
            write_atomically(self.path / "plane.csv", csv_text(points))
        document = {"schema": SCHEMA, **results}
        self._write_json("results.json", document)
        return document
