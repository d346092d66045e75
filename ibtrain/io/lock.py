"""Locks a folder for one process at a time."""

import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ibtrain.errors import LockedError, RunFolderError
from ibtrain.io.files import write_error

__all__ = ["FolderLock", "folder_lock"]


class FolderLock:
    """A lock file that this process holds.

    Args:
        path: Path of the lock file.
        file: Its file descriptor.
    """

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self._file = file

    @property
    def is_in_place(self) -> bool:
        """Whether the lock file is still at its path, so that the folder is the one that was locked.

        Raises:
            OSError: If the path can't be inspected.
        """
        return _is_in_place(self._file, self.path)

    def check(self) -> None:
        """Checks that the folder is still the one that was locked.

        Raises:
            RunFolderError: If the folder has been deleted, moved or replaced, or can't be inspected.
        """
        try:
            is_in_place = self.is_in_place
        except OSError as error:
            raise write_error("a folder", error, self.path.parent) from error
        if not is_in_place:
            given = "a folder that was deleted, moved or replaced during the run"
            expected = "the folder in which the run began (nothing more was written)"
            raise RunFolderError(given, expected, str(self.path.parent))


@contextmanager
def folder_lock(path: Path) -> Iterator[FolderLock]:
    """Holds a lock file until the ``with`` block ends.

    The operating system releases the lock when the process ends for any reason, so that the next process
    can lock a file which a dead process left behind.

    Args:
        path: Path of the lock file, which is deleted afterwards.

    Raises:
        LockedError: If another process holds the lock.
        RunFolderError: If the file can't be created.
    """
    file = _lock(path)
    try:
        # the content is only for information: a full disk is no reason to stop
        with suppress(OSError):
            os.ftruncate(file, 0)
            os.write(file, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        yield FolderLock(path, file)
    finally:
        with suppress(OSError):
            # the path may hold another process's lock by now
            if _is_in_place(file, path):
                path.unlink()
        os.close(file)


def _lock(path: Path) -> int:
    """Locks the file and returns its descriptor, after checking that it is still at its path."""
    while True:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        except (OSError, ValueError) as error:
            raise write_error("a folder", error, path.parent) from error
        try:
            _check_unshared(file, path)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_in_place(file, path):
                return file
        except BlockingIOError as error:
            owner = os.read(file, 200).decode(errors="replace").strip() or "another process"
            os.close(file)
            expected = "a run that no other process is working on"
            raise LockedError(f"a run of {owner}", expected, str(path.parent)) from error
        except OSError as error:
            os.close(file)
            raise write_error("a lock", error, path) from error
        os.close(file)


def _check_unshared(file: int, path: Path) -> None:
    """Checks that a file is regular and has no other hard link, so that it may be written."""
    status = os.fstat(file)
    is_file = stat.S_ISREG(status.st_mode)
    if not is_file or status.st_nlink > 1:
        os.close(file)
        given = (
            "a file with another hard link" if is_file else "something that is not a regular file"
        )
        raise RunFolderError(given, "a lock file, or none", str(path))


def _is_in_place(file: int, path: Path) -> bool:
    """Whether the file at the path is still the open one, not deleted, moved or replaced."""
    try:
        return os.path.samestat(os.fstat(file), path.lstat())
    except (FileNotFoundError, NotADirectoryError):
        return False
