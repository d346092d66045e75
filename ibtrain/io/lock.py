"""A folder that belongs to one process at a time."""

import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ibtrain.errors import RunFolderError
from ibtrain.io.files import write_error

__all__ = ["FolderLock", "folder_lock"]


class FolderLock:
    """A lock file that this process holds.

    Args:
        path: Its place.
        file: Its descriptor.
    """

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self._file = file

    @property
    def is_in_place(self) -> bool:
        """Whether the file is still in its place, so that the folder is the one that was locked.

        Raises:
            OSError: If its place can't be inspected.
        """
        return _is_in_place(self._file, self.path)

    def check(self) -> None:
        """Checks that the folder is still the one that was locked.

        Raises:
            RunFolderError: If it has been deleted, moved or replaced, or can't be inspected.
        """
        try:
            is_in_place = self.is_in_place
        except OSError as error:
            raise write_error("a folder", error, self.path.parent) from error
        if not is_in_place:
            given = "a folder that was deleted, moved or replaced while the run was in it"
            expected = "the folder that the run began in (nothing more was written)"
            raise RunFolderError(given, expected, str(self.path.parent))


@contextmanager
def folder_lock(path: Path) -> Iterator[FolderLock]:
    """Holds a lock file until the block is left.

    The system lets go of the lock when its process ends, however it ends, so that a file which a
    dead process left behind is simply taken over.

    Args:
        path: The file; it is deleted afterwards.

    Raises:
        RunFolderError: Another process holds it, or it can't be made.
    """
    file = _lock(path)
    try:
        # only for others to read: a full disk is no reason to stop
        with suppress(OSError):
            os.ftruncate(file, 0)
            os.write(file, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        yield FolderLock(path, file)
    finally:
        with suppress(OSError):
            # in its place may be another process's lock by now
            if _is_in_place(file, path):
                path.unlink()
        os.close(file)


def _lock(path: Path) -> int:
    """The descriptor of the file, once it is locked and still the one in its place."""
    while True:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        except (OSError, ValueError) as error:
            raise write_error("a folder", error, path.parent) from error
        try:
            _check_own(file, path)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_in_place(file, path):
                return file
        except BlockingIOError as error:
            owner = os.read(file, 200).decode(errors="replace").strip() or "another process"
            os.close(file)
            expected = "a run that no other process is working on"
            raise RunFolderError(f"a run of {owner}", expected, str(path.parent)) from error
        except OSError as error:
            os.close(file)
            raise write_error("a lock", error, path) from error
        os.close(file)


def _check_own(file: int, path: Path) -> None:
    """A file of this folder alone, which may be written."""
    found = os.fstat(file)
    is_file = stat.S_ISREG(found.st_mode)
    if not is_file or found.st_nlink > 1:
        os.close(file)
        given = (
            "a file that has another name too" if is_file else "something that is no regular file"
        )
        raise RunFolderError(given, "a lock file, or none", str(path))


def _is_in_place(file: int, path: Path) -> bool:
    """Whether nobody has deleted, moved or replaced it since it was opened."""
    try:
        return os.path.samestat(os.fstat(file), path.lstat())
    except (FileNotFoundError, NotADirectoryError):
        return False
