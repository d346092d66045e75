"""Writes files atomically, and never through a link."""

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
"""Glob pattern of the names that :func:`scratch_path` generates."""
_MACHINE_ERRNOS = (
    errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ESTALE,
)  # fmt: skip
"""Error numbers that mean a failure of the machine, not a mistake of the user."""


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; False for an invalid path, too long or with a NUL character."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def check_output(path: Path, where: str) -> None:
    """Checks that an output file can be written, before the work for it begins.

    Args:
        path: Path of the output file.
        where: The option that names the file.

    Raises:
        ConfigError: If the file's folder doesn't exist or is not writable, or if the path is a folder,
            a device or a pipe.
    """
    if not is_folder(path.parent):
        raise ConfigError("no such folder", "a folder that exists", f"{where} {path.parent}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        given = "a folder that can't be written to"
        raise ConfigError(given, "a writable folder", f"{where} {path.parent}")
    if is_folder(path):
        raise ConfigError("a folder", "a file", f"{where} {path}")
    # if the path can't be inspected, writing to it reports the error
    with suppress(OSError):
        if not _is_replaceable(path):
            raise ConfigError("a device or a pipe", "a regular file", f"{where} {path}")


def _is_replaceable(path: Path) -> bool:
    """Whether a path is free, a regular file, or a link to one, so that a new file may replace it.

    Raises:
        OSError: If the path can't be inspected.
    """
    if "\0" in str(path):
        # no file has such a name; opening it reports the error
        return True
    folder = path.parent.resolve()
    # entries of these folders stand for open files of a process or for devices, even if they are links
    if folder == Path("/dev") or Path("/proc") in (folder, *folder.parents):
        return False
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return True


def write_error(what: str, error: OSError | ValueError, path: Path) -> RunFolderError:
    """Returns the error for a file that can't be written, with exit code 1 if the disk is full or broken."""
    reason = error.strerror if isinstance(error, OSError) else error
    unwritable = RunFolderError(
        f"{what} that can't be written ({reason})", "a writable place", str(path)
    )
    if isinstance(error, OSError) and error.errno in _MACHINE_ERRNOS:
        unwritable.exit_code = 1
    return unwritable


def read_error(error: OSError | MemoryError, path: Path, what: str = "a file") -> UnreadableError:
    """Returns the error for a file that can't be read now, with exit code 1 if the disk or memory failed."""
    is_memory = isinstance(error, MemoryError)
    reason = "out of memory" if is_memory else getattr(error, "strerror", None) or str(error)
    unreadable = UnreadableError(
        f"{what} that can't be read ({reason})", "a readable one", str(path)
    )
    if is_memory or getattr(error, "errno", None) in _MACHINE_ERRNOS:
        unreadable.exit_code = 1
    return unreadable


def system_failure(
    error: BaseException, handled: BaseException | None
) -> OSError | MemoryError | None:
    """Returns the system failure that caused an error while a file was read, or None if there is none.

    Args:
        error: The error that the reader raised.
        handled: The exception that was being handled when the reader was called (``sys.exc_info()[1]``); the
            reader didn't cause it.
    """
    # in a broken file the reader may seek to before its start, which is no system failure: EINVAL
    cause: BaseException | None = error
    while cause is not None and cause is not handled:
        if isinstance(cause, MemoryError):
            return cause
        if isinstance(cause, OSError) and cause.errno not in (None, errno.EINVAL):
            return cause
        cause = cause.__context__
    return None


def write_atomically(
    path: Path, content: str | bytes, before_move: Callable[[], None] | None = None
) -> None:
    """Writes a temporary file in the same folder, flushes it, and renames it to its final path.

    A link at this path is replaced, and its target is not changed.

    Args:
        path: Final path of the file.
        content: Content of the file.
        before_move: Called when the content is on the disk, but not yet at its final path.

    Raises:
        RunFolderError: If the file can't be written, or if the path is a device or a pipe.
    """
    data = content.encode() if isinstance(content, str) else content
    scratch = scratch_path(path)
    try:
        if not _is_replaceable(path):
            raise RunFolderError(
                "something that is not a regular file", "a regular file, or none", str(path)
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
    # a path with a NUL character raises a ValueError
    except (OSError, ValueError) as error:
        raise write_error("a file", error, path) from error


def scratch_path(path: Path) -> Path:
    """Returns a path for a temporary file in the same folder, which is renamed to the final path later.

    The name is random, so that nobody can place a file or a link at this path in advance.
    """
    return path.with_name(f".{secrets.token_hex(8)}.part")


def write_json(path: Path, document: object, *, indent: int = 1) -> None:
    """Writes a document as JSON, as :func:`write_atomically` does.

    Raises:
        NonFiniteError: If a number in the document is NaN or infinite.
        RunFolderError: If the file can't be written.
    """
    write_atomically(path, json_text(document, str(path), indent=indent) + "\n")


def flush_folder(folder: Path) -> None:
    """Flushes a folder, so that a file which was moved into it survives a power failure."""
    file = os.open(folder, os.O_RDONLY)
    try:
        # not every file system supports this
        with suppress(OSError):
            os.fsync(file)
    finally:
        os.close(file)


def append_line(path: Path, line: str) -> None:
    """Appends a line to a file, either completely or not at all.

    Raises:
        RunFolderError: If the line can't be appended, or if the path is a link or not a regular file.
    """
    # without O_NONBLOCK, opening a pipe that nobody reads would block
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        with open(os.open(path, flags, 0o666), "ab", buffering=0) as file:
            status = os.fstat(file.fileno())
            # with a hard link, the line would also change a file elsewhere
            if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                raise RunFolderError(
                    "a hard link, or no regular file",
                    "a regular file without other links",
                    str(path),
                )
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
