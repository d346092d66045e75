"""Files that are written whole or not at all, and never through a link."""

import errno
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path

from ibtrain.errors import ConfigError, RunFolderError

__all__ = [
    "append_line",
    "check_output",
    "is_folder",
    "write_atomically",
    "write_error",
    "write_json",
]

_FULL = (errno.ENOSPC, errno.EDQUOT)


def is_folder(path: Path) -> bool:
    """Whether a folder is there; it isn't where the path is none, being too long or holding a NUL."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def check_output(path: Path, where: str) -> None:
    """A file that is wanted, before the work for it is done.

    Args:
        path: Its place.
        where: The option that named it.

    Raises:
        ConfigError: Its folder isn't there or can't be written to, or it is a folder itself.
    """
    if not is_folder(path.parent):
        raise ConfigError("no such folder", "a folder that exists", f"{where} {path.parent}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        given = "a folder that can't be written to"
        raise ConfigError(given, "a writable folder", f"{where} {path.parent}")
    if is_folder(path):
        raise ConfigError("a folder", "a file", f"{where} {path}")


def write_error(what: str, error: OSError | ValueError, path: Path) -> RunFolderError:
    """That a file can't be written; a failure of the machine and no mistake where its disk is full."""
    reason = error.strerror if isinstance(error, OSError) else error
    told = RunFolderError(
        f"{what} that can't be written", f"a writable place ({reason})", str(path)
    )
    if isinstance(error, OSError) and error.errno in _FULL:
        told.exit_code = 1
    return told


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes a file beside its place, flushes it, and moves it there.

    A link in its place is replaced, and what it leads to is left alone.

    Raises:
        RunFolderError: It can't be written.
    """
    data = content.encode() if isinstance(content, str) else content
    # a name that nobody knows beforehand: a file or a link that waited under it would be an error
    scratch = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        try:
            with open(scratch, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(path)
            _flush_folder(path.parent)
        finally:
            scratch.unlink(missing_ok=True)
    # a path with a NUL in it is a ValueError
    except (OSError, ValueError) as error:
        raise write_error("a file", error, path) from error


def write_json(path: Path, document: object, *, indent: int = 1) -> None:
    """Writes a document as JSON, as :func:`write_atomically` does."""
    write_atomically(path, json.dumps(document, indent=indent) + "\n")


def _flush_folder(folder: Path) -> None:
    """So that a file which has been moved there is there after a power cut too."""
    file = os.open(folder, os.O_RDONLY)
    try:
        # not every file system can
        with suppress(OSError):
            os.fsync(file)
    finally:
        os.close(file)


def append_line(path: Path, line: str) -> None:
    """Adds a line to a file, or nothing of it.

    Raises:
        RunFolderError: It can't be added, or a link is in the file's place.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    try:
        with open(os.open(path, flags, 0o666), "ab", buffering=0) as file:
            before = file.tell()
            data = (line + "\n").encode()
            written = file.write(data)
            if written != len(data):
                file.truncate(before)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        raise write_error("a line", error, path) from error
