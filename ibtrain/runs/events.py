"""``metrics.jsonl``: the events of a run, one per line."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from ibtrain.checks import MAX_LAYERS
from ibtrain.config import METHODS
from ibtrain.errors import ConfigError, RunFolderError, warn
from ibtrain.io.documents import DOCUMENT_BYTES, is_regular, json_text, parse_json
from ibtrain.io.files import append_line, flush_folder, read_error, scratch_path, write_error
from ibtrain.plane.point import PlanePoint

__all__ = ["EventLog"]


class EventLog:
    """Log of a run's events; a resumed run drops the events after its last checkpoint.

    Args:
        path: The file ``metrics.jsonl``.
        check_owned: Called before each write; raises an error if the folder no longer belongs to this process.
    """

    def __init__(self, path: Path, check_owned: Callable[[], None]) -> None:
        self.path = path
        self._written = path
        self._check_owned = check_owned

    def flush(self) -> None:
        """Flushes the events to the disk."""
        self._check_owned()
        try:
            if self._written.exists():
                with open(self._written, "rb") as file:
                    os.fsync(file.fileno())
        except OSError as error:
            raise write_error("a file", error, self.path) from error

    def settle(self) -> None:
        """Moves the copy that :meth:`keep` began to the file's place: the earlier events are not needed any more."""
        self._check_owned()
        if self._written == self.path:
            return
        try:
            self._written.replace(self.path)
            flush_folder(self.path.parent)
        except OSError as error:
            raise write_error("a file", error, self.path) from error
        self._written = self.path

    def drop_new(self) -> None:
        """Deletes the copy that :meth:`keep` began, if no checkpoint followed: its events will be recorded again."""
        if self._written != self.path:
            # if the folder belongs to another process now, it has no such file
            with suppress(OSError):
                self._written.unlink()
            self._written = self.path

    def keep(self, count: int) -> None:
        """Drops all events after the first ones, and an incomplete last line.

        The file itself stays unchanged until the next checkpoint is written: new events are
        added to a copy of the first ones, which then replaces the file.

        Args:
            count: Number of events that are kept.

        Raises:
            RunFolderError: If there are fewer events, or if the copy can't be written.
        """
        path = self.path
        try:
            if not path.exists():
                self._check_count(0, count)
                return
            if not is_regular(path):
                raise RunFolderError("no regular file", "events in JSON", str(path))
            self._check_owned()
            self.drop_new()
            self._written = scratch_path(path)
            copied = 0
            with (
                open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file,
                open(self._written, "xb") as copy,
            ):
                lines = iter(lambda: file.readline(DOCUMENT_BYTES), b"")
                for line in islice(lines, count):
                    copied += line.endswith(b"\n")
                    copy.write(line)
            self._check_count(copied, count)
        except RunFolderError:
            self.drop_new()
            raise
        except OSError as error:
            self.drop_new()
            raise write_error("a file", error, path) from error

    def _check_count(self, actual: int, count: int) -> None:
        if actual < count:
            expected = (
                f"the {count} recorded before its checkpoint (delete checkpoints/state-*.npz to "
                f"start the run again)"
            )
            raise RunFolderError(f"{actual} events", expected, str(self.path))

    def append(self, event: dict[str, Any]) -> None:
        """Adds one event to ``metrics.jsonl``.

        Raises:
            NonFiniteError: If a number in the event is NaN or infinite.
            RunFolderError: If the event can't be added.
        """
        line = json_text(event, f"{self.path}: event {event.get('event')!r}")
        self._check_owned()
        append_line(self._written, line)

    def read(self, kind: str | None = None) -> Iterator[dict[str, Any]]:
        """Reads the events of ``metrics.jsonl``, or those of one kind.

        An incomplete last line, as a killed run may leave it, is ignored with a warning.

        Raises:
            RunFolderError: If a line is not an event.
        """
        for _, event in self._read(kind):
            yield event

    def _read(self, kind: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yields each event with its place, ``FILE:LINE``."""
        path = self._written
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
                            message = f"{where}: ignored an incomplete last line"
                            warn(message)
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
            RunFolderError: If a recorded point is broken.
        """
        points: list[PlanePoint] = []
        layers: set[tuple[str, str]] = set()
        for where, event in self._read("plane"):
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


def _event(line: bytes) -> dict[str, Any]:
    event = parse_json(line)
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        raise ValueError("the string 'event' is missing")
    return event
