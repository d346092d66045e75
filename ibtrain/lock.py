"""A folder that belongs to one process at a time."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ibtrain.errors import RunFolderError
from ibtrain.files import write_error

__all__ = ["held"]


@contextmanager
def held(path: Path) -> Iterator[None]:
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
        os.ftruncate(file, 0)
        os.write(file, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(file)


def _lock(path: Path) -> int:
    """The descriptor of the file, once it is locked and still the one in its place."""
    while True:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        except (OSError, ValueError) as error:
            raise write_error("a folder", error, path.parent) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_in_place(file, path):
                return file
        except BlockingIOError as error:
            owner = os.read(file, 200).decode(errors="replace").strip() or "another process"
            expected = "a run that no other process is working on"
            raise RunFolderError(f"a run of {owner}", expected, str(path.parent)) from error
        os.close(file)


def _is_in_place(file: int, path: Path) -> bool:
    """Whether the one that held it before has not deleted it meanwhile."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
