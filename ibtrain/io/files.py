"""Files that are written whole or not at all, and never through a link."""

import errno
import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ibtrain.errors import ConfigError, RunFolderError, UnreadableError
from ibtrain.io.documents import json_text

__all__ = [
    "SCRATCH",
    "append_line",
    "check_output",
    "flush_folder",
    "is_folder",
    "read_error",
    "scratch_path",
    "system_failure",
    "write_atomically",
    "write_error",
    "write_json",
]

SCRATCH = f".{'[0-9a-f]' * 16}.part"
"""A pattern of the names that :func:`scratch_path` makes."""
_MACHINE = (
    errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ESTALE,
)  # fmt: skip
"""Failures of the machine, and no mistakes of its user."""


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
        ConfigError: If its folder isn't there or can't be written to, or if it is a folder, a device or
            a pipe itself.
    """
    if not is_folder(path.parent):
        raise ConfigError("no such folder", "a folder that exists", f"{where} {path.parent}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        given = "a folder that can't be written to"
        raise ConfigError(given, "a writable folder", f"{where} {path.parent}")
    if is_folder(path):
        raise ConfigError("a folder", "a file", f"{where} {path}")
    # what can't be inspected is told when it is written
    with suppress(OSError):
        if not _is_replaceable(path):
            raise ConfigError("a device or a pipe", "a regular file", f"{where} {path}")


def _is_replaceable(path: Path) -> bool:
    """Whether nothing would be lost but a regular file, or a link, if another took its place.

    Raises:
        OSError: If the place can't be inspected.
    """
    if "\0" in str(path):
        # no file has such a name, which is told when it is opened
        return True
    folder = path.parent.resolve()
    # what is there stands for a process's open files, or for devices, even where it is a link
    if folder == Path("/dev") or Path("/proc") in (folder, *folder.parents):
        return False
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return True


def write_error(what: str, error: OSError | ValueError, path: Path) -> RunFolderError:
    """That a file can't be written; a failure of the machine where its disk is full or broken."""
    reason = error.strerror if isinstance(error, OSError) else error
    told = RunFolderError(f"{what} that can't be written ({reason})", "a writable place", str(path))
    if isinstance(error, OSError) and error.errno in _MACHINE:
        told.exit_code = 1
    return told


def read_error(error: OSError | MemoryError, path: Path, what: str = "a file") -> UnreadableError:
    """That a file can't be read now; a failure of the machine where its disk or memory fails."""
    is_memory = isinstance(error, MemoryError)
    reason = "out of memory" if is_memory else getattr(error, "strerror", None) or str(error)
    unreadable = UnreadableError(
        f"{what} that can't be read ({reason})", "a readable one", str(path)
    )
    if is_memory or getattr(error, "errno", None) in _MACHINE:
        unreadable.exit_code = 1
    return unreadable


def system_failure(
    error: BaseException, handled: BaseException | None
) -> OSError | MemoryError | None:
    """The failure of the system behind an error of whoever reads a file, if there is one.

    Args:
        error: What the reader raised.
        handled: What was being handled when it was called (``sys.exc_info()[1]``), which is none of its own.
    """
    # a broken file leads its reader to places before its start, which the system calls invalid: EINVAL
    behind: BaseException | None = error
    while behind is not None and behind is not handled:
        if isinstance(behind, MemoryError):
            return behind
        if isinstance(behind, OSError) and behind.errno not in (None, errno.EINVAL):
            return behind
        behind = behind.__context__
    return None


def write_atomically(
    path: Path, content: str | bytes, before_move: Callable[[], None] | None = None
) -> None:
    """Writes a file beside its place, flushes it, and moves it there.

    A link in its place is replaced, and what it leads to is left alone.

    Args:
        path: The file's place.
        content: What it holds.
        before_move: Called when the content is on the disk, but not yet in its place.

    Raises:
        RunFolderError: It can't be written, or a device or a pipe is in its place.
    """
    data = content.encode() if isinstance(content, str) else content
    scratch = scratch_path(path)
    try:
        if not _is_replaceable(path):
            raise RunFolderError(
                "something that is no regular file", "a regular file, or none", str(path)
            )
        try:
            with open(scratch, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if before_move:
                before_move()
            scratch.replace(path)
            flush_folder(path.parent)
        finally:
            scratch.unlink(missing_ok=True)
    except RunFolderError:
        raise
    # a path with a NUL in it is a ValueError
    except (OSError, ValueError) as error:
        raise write_error("a file", error, path) from error


def scratch_path(path: Path) -> Path:
    """A place beside a file's, in which it is written before it is moved to its own.

    Nobody knows the name beforehand: a file or a link that waited under it would be an error.
    """
    return path.with_name(f".{secrets.token_hex(8)}.part")


def write_json(path: Path, document: object, *, indent: int = 1) -> None:
    """Writes a document as JSON, as :func:`write_atomically` does.

    Raises:
        NonFiniteError: If a number in it is NaN or infinite.
        RunFolderError: If it can't be written.
    """
    write_atomically(path, json_text(document, str(path), indent=indent) + "\n")


def flush_folder(folder: Path) -> None:
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
        RunFolderError: It can't be added, or a link or no regular file is in the file's place.
    """
    # a pipe that nobody reads would be waited for without O_NONBLOCK
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        with open(os.open(path, flags, 0o666), "ab", buffering=0) as file:
            status = os.fstat(file.fileno())
            # what is added would change another name's file too
            if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                raise RunFolderError("a hard link, or no file", "a file of its own", str(path))
            before = file.tell()
            data = (line + "\n").encode()
            written = file.write(data)
            if written != len(data):
                file.truncate(before)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except RunFolderError:
        raise
    except OSError as error:
        raise write_error("a line", error, path) from error
