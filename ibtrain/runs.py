"""A run's folder on disk: what it holds, and how it is written whole or not at all."""

import io
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ibtrain.checkpoints import Checkpoints
from ibtrain.checks import MAX_LAYERS, MAX_NAME
from ibtrain.config import MAX_PATH, MAX_SEEDS, METHODS, RunConfig, difference
from ibtrain.documents import DOCUMENT_BYTES, is_regular, json_text, parse_json, read_bytes
from ibtrain.errors import ConfigError, IBTrainWarning, RunFolderError, UnreadableError
from ibtrain.files import (
    SCRATCH,
    append_line,
    flush_folder,
    read_error,
    scratch_path,
    write_atomically,
    write_error,
    write_json,
)
from ibtrain.interval import Interval
from ibtrain.lock import FolderLock, held
from ibtrain.plane.point import PlanePoint

__all__ = ["RunFolder", "list_runs", "save_checkpoint"]

SCHEMA = 1
LOCK = ".lock"


class RunFolder:
    """The folder of one run.

    It holds ``config.json``, ``environment.json``, ``metrics.jsonl`` (an event a line),
    ``results.json``, ``checkpoints/`` and pictures.

    Args:
        path: The folder.
        lock: Holds it for this process, if it is written to.
    """

    def __init__(self, path: Path, lock: FolderLock | None = None) -> None:
        self.path = path
        self._lock = lock
        self._metrics = path / "metrics.jsonl"
        self._events_path = self._metrics

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
            with held(path / LOCK) as lock:
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
                    folder._drop_new_events()
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

    def checkpoints(self, interval: Interval) -> Checkpoints:
        """Keeps the state of the run, and what its events say until then, on the disk."""
        return Checkpoints(
            self.path / "checkpoints",
            interval,
            before=self._flush_events,
            before_move=self._settle_events,
        )

    def _flush_events(self) -> None:
        """Has the events so far on the disk."""
        self.check_owned()
        try:
            if self._events_path.exists():
                with open(self._events_path, "rb") as file:
                    os.fsync(file.fileno())
        except OSError as error:
            raise write_error("a file", error, self._metrics) from error

    def _settle_events(self) -> None:
        """Has the events so far in their own place, now that those before aren't needed."""
        self.check_owned()
        if self._events_path == self._metrics:
            return
        try:
            self._events_path.replace(self._metrics)
            flush_folder(self.path)
        except OSError as error:
            raise write_error("a file", error, self._metrics) from error
        self._events_path = self._metrics

    def _drop_new_events(self) -> None:
        """Deletes the events of a process that wrote no checkpoint: they will be made again."""
        if self._events_path != self._metrics:
            # if the folder is another process's by now, it has no such file
            with suppress(OSError):
                self._events_path.unlink()
            self._events_path = self._metrics

    def keep_events(self, count: int) -> None:
        """Leaves out what came after the first events, whole lines or a part of one.

        The file itself stays as it is until the next checkpoint is written: what is added meanwhile
        goes to a copy of the first events, which then takes the file's place.

        Args:
            count: How many are kept.

        Raises:
            RunFolderError: There are fewer, or the copy can't be written.
        """
        path = self._metrics
        try:
            if not path.exists():
                self._check_events(0, count)
                return
            if not is_regular(path):
                raise RunFolderError("no regular file", "events in JSON", str(path))
            self.check_owned()
            self._drop_new_events()
            self._events_path = scratch_path(path)
            copied = 0
            with (
                open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file,
                open(self._events_path, "xb") as copy,
            ):
                lines = iter(lambda: file.readline(DOCUMENT_BYTES), b"")
                for line in islice(lines, count):
                    copied += line.endswith(b"\n")
                    copy.write(line)
            self._check_events(copied, count)
        except RunFolderError:
            self._drop_new_events()
            raise
        except OSError as error:
            self._drop_new_events()
            raise write_error("a file", error, path) from error

    def _check_events(self, found: int, count: int) -> None:
        if found < count:
            expected = (
                f"the {count} that its checkpoint is after (delete checkpoints/state-*.npz to begin "
                f"anew)"
            )
            raise RunFolderError(f"{found} events", expected, str(self.path / "metrics.jsonl"))

    def note_environment(self, environment: dict[str, Any], *, goes_on: bool) -> None:
        """Notes on what a run begins, or goes on, and warns where that may change its last digits."""
        if not goes_on:
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
                    f"the run began with {name} {first.get(name)} and goes on with "
                    f"{environment[name]}: its last digits may differ"
                )
                warnings.warn(message, IBTrainWarning, stacklevel=2)
        before = first.get("resumed")
        resumed = [*(before if isinstance(before, list) else ()), environment]
        self._write_json("environment.json", {**first, "resumed": resumed})

    def append(self, event: dict[str, Any]) -> None:
        """Adds one event to ``metrics.jsonl``.

        Raises:
            NonFiniteError: If a number in it is NaN or infinite.
            RunFolderError: If it can't be added.
        """
        line = json_text(event, f"{self._metrics}: event {event.get('event')!r}")
        self.check_owned()
        append_line(self._events_path, line)

    def events(self, kind: str | None = None) -> Iterator[dict[str, Any]]:
        """The events of ``metrics.jsonl``, or those of one kind.

        A last line without an end was torn when the run was killed: it is left out, with a warning.

        Raises:
            RunFolderError: A line is not an event.
        """
        for _, event in self._events(kind):
            yield event

    def _events(self, kind: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Events, and where each stands."""
        path = self._events_path
        try:
            if not path.exists():
                return
            if not is_regular(path):
                raise RunFolderError("no regular file", "events in JSON", str(path))
            with open(path, "rb") as file:
                for number, line in enumerate(iter(lambda: file.readline(DOCUMENT_BYTES), b""), 1):
                    where = f"{path}:{number}"
                    try:
                        event = _event(line)
                    except ValueError as error:
                        if not line.endswith(b"\n") and len(line) < DOCUMENT_BYTES:
                            message = f"{where}: left out a last line that breaks off"
                            warnings.warn(message, IBTrainWarning, stacklevel=2)
                            return
                        raise RunFolderError(
                            "a broken line", f"an event in JSON ({error})", where
                        ) from error
                    if kind is None or event["event"] == kind:
                        yield where, event
        except OSError as error:
            raise read_error(error, path) from error

    def plane_points(self) -> list[PlanePoint]:
        """Every point of the information plane that the run has recorded.

        Raises:
            RunFolderError: A recorded point is broken.
        """
        points: list[PlanePoint] = []
        layers: set[tuple[str, str]] = set()
        for where, event in self._events("plane"):
            try:
                point = PlanePoint.from_dict(event["point"])
            except (AttributeError, KeyError, TypeError, ConfigError) as error:
                expected = f"a point of the plane ({error})"
                raise RunFolderError("a broken point", expected, where) from error
            points.append(point)
            layers.add((point.method, point.layer))
            if len(layers) > len(METHODS) * (MAX_LAYERS + 1):
                expected = f"at most {MAX_LAYERS + 1} of each method"
                raise RunFolderError("points of too many layers", expected, where)
        return points

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
        document = self.read_json("results.json")
        where = str(self.path / "results.json")
        if "chance_accuracy" in document:
            # what it was called at first
            document.setdefault("majority_accuracy", document.pop("chance_accuracy"))
        dataset = document.get("dataset", "")
        if not isinstance(dataset, str) or len(dataset) > MAX_PATH:
            raise RunFolderError(repr(dataset), "a data set's name", f"{where}: dataset")
        for method in METHODS:
            seeds = document.get(method, [])
            if not isinstance(seeds, list) or not all(isinstance(seed, dict) for seed in seeds):
                raise RunFolderError(repr(seeds), "a list of results", f"{where}: {method}")
            if len(seeds) > MAX_SEEDS:
                given, expected = f"results of {len(seeds)} seeds", f"at most {MAX_SEEDS}"
                raise RunFolderError(given, expected, f"{where}: {method}")
            for seed in seeds:
                _check_layers(seed.get("layers", []), f"{where}: {method}.layers")
            for accuracy in (seed.get("test_accuracy") for seed in seeds):
                is_number = isinstance(accuracy, int | float) and not isinstance(accuracy, bool)
                if not is_number or not 0 <= accuracy <= 1:
                    place = f"{where}: {method}.test_accuracy"
                    raise RunFolderError(repr(accuracy), "a share of 1", place)
        return document

    def read_json(self, name: str) -> dict[str, Any]:
        """One of the folder's JSON documents.

        Raises:
            RunFolderError: It is missing, broken, or of a newer schema.
        """
        path = self.path / name
        try:
            document = parse_json(read_bytes(path))
        except (MemoryError, OSError) as error:
            if not isinstance(error, FileNotFoundError):
                raise read_error(error, path) from error
            raise RunFolderError("no such file", "a file of a run", str(path)) from error
        except ValueError as error:
            raise RunFolderError(
                "a missing or broken file", f"JSON ({error})", str(path)
            ) from error
        if not isinstance(document, dict):
            raise RunFolderError(type(document).__name__, "a JSON object", str(path))
        schema = document.get("schema", SCHEMA)
        if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
            raise RunFolderError(f"schema {schema!r}", "a whole number from 1", str(path))
        if schema > SCHEMA:
            expected = f"at most {SCHEMA} (made by a newer ibtrain)"
            raise RunFolderError(f"schema {schema}", expected, str(path))
        return document

    def write_results(self, results: dict[str, Any]) -> dict[str, Any]:
        """Writes ``results.json`` and returns what it holds."""
        self._flush_events()
        self._settle_events()
        document = {"schema": SCHEMA, **results}
        self._write_json("results.json", document)
        return document


def _check_layers(layers: object, where: str) -> None:
    """How many layers a result has, and how long their names are, which tables repeat."""
    if not isinstance(layers, list) or len(layers) > MAX_LAYERS + 1:
        count = f"{len(layers)} layers" if isinstance(layers, list) else repr(layers)
        raise RunFolderError(count, f"a list of at most {MAX_LAYERS + 1}", where)
    for layer in layers:
        name = layer.get("name") if isinstance(layer, dict) else None
        if not isinstance(name, str) or len(name) > MAX_NAME:
            expected = f"layers with names of at most {MAX_NAME} characters"
            raise RunFolderError(repr(name), expected, where)


def _event(line: bytes) -> dict[str, Any]:
    event = parse_json(line)
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        raise ValueError("it does not name its kind")
    return event


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


def list_runs(folder: Path) -> list[RunFolder]:
    """The runs directly below a folder, oldest first.

    Warns of each subfolder that can't be read.

    Raises:
        RunFolderError: There is no such folder, or it can't be read.
    """
    try:
        if not folder.is_dir():
            raise RunFolderError("no such folder", "a folder of runs", str(folder))
        paths = list(folder.iterdir())
    except OSError as error:
        raise read_error(error, folder, "a folder") from error
    times: dict[Path, float] = {}
    for path in paths:
        try:
            if is_regular(path / "config.json"):
                times[path] = path.stat().st_mtime
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            reason = str(read_error(error, path, "a folder"))
            warnings.warn(reason, IBTrainWarning, stacklevel=2)
    return [RunFolder(path) for path in sorted(times, key=lambda path: times[path])]


def save_checkpoint(folder: RunFolder, name: str, network: nn.Module, readout: nn.Module) -> None:
    """Saves ``network`` and ``readout``, whose argmax predicts, as ``checkpoints/NAME.pt``.

    Both are state dicts, on the host wherever they trained, and load with ``weights_only=True``.
    """
    buffer = io.BytesIO()
    parts = {"network": network, "readout": readout}
    states = {
        # a module's extra state may be anything
        name: {
            key: value.cpu() if isinstance(value, Tensor) else value
            for key, value in part.state_dict().items()
        }
        for name, part in parts.items()
    }
    torch.save(states, buffer)
    folder.check_owned()
    write_atomically(folder.path / "checkpoints" / f"{name}.pt", buffer.getvalue())
