"""Reads NumPy archives without ever unpickling."""

import sys
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

from numpy.lib import format as npy
from numpy.typing import NDArray

from ibtrain.backend.memory import check_memory
from ibtrain.data.npz import HEADER_BYTES, check_names, check_stored, member_of, read_header
from ibtrain.errors import DataError, UnreadableError
from ibtrain.io.documents import is_regular
from ibtrain.io.files import read_error, system_failure

__all__ = ["check_regular", "read_archive", "read_errors", "stored_name"]

# an encrypted member raises a RuntimeError
ZIP_ERRORS = (BadZipFile, EOFError, MemoryError, OSError, RuntimeError, ValueError, zlib.error)
"""Exceptions of zipfile, zlib and numpy for a file that is broken, or that can't be read now."""


def read_archive(
    path: Path,
    wanted: Sequence[str],
    optional: Sequence[str] = (),
    aliases: Mapping[str, str] | None = None,
) -> dict[str, NDArray[Any]]:
    """Reads arrays of an npz file by their keys.

    Nothing is extracted to disk; arrays are read into memory after a check that they fit.

    Args:
        path: The file.
        wanted: Required keys.
        optional: Keys that may be missing.
        aliases: Alternative names in the file, used if the file has none of the keys.

    Raises:
        DataError: If the file is not an npz, lacks a key or declares more bytes than it holds, or if an
            array holds objects that would have to be unpickled.
        UnreadableError: If the file is missing, can't be read now, or is larger than memory.
    """
    with read_errors(path, "an npz archive", "of plain arrays", ZIP_ERRORS):
        check_regular(path, "an npz archive")
        if _is_single_array(path):
            raise DataError("a single array", "an npz archive with x and y", str(path))
        with ZipFile(path) as archive:
            names = set(archive.namelist())
            keys = (*wanted, *(key for key in optional if f"{key}.npy" in names))
            check_names(archive, str(path))
            stored = {key: stored_name(key, names, aliases or {}) for key in keys}
            members = {key: member_of(archive, stored[key], str(path)) for key in keys}
            archive_size = path.stat().st_size
            for key, member in members.items():
                check_stored(member, archive_size, f"{path}: {key}")
            total = sum(member.file_size for member in members.values())
            check_memory(total, "arrays", UnreadableError, str(path))
            return {key: _read_array(archive, m, f"{path}: {key}") for key, m in members.items()}


def stored_name(key: str, names: Collection[str], aliases: Mapping[str, str]) -> str:
    """Returns the name of an array in an archive.

    Args:
        key: Name by which the array is requested.
        names: File names of the archive's members.
        aliases: Alternative names by key, of which either all are used or none.
    """
    has_keys, has_aliases = (
        any(f"{name}.npy" in names for name in group) for group in (aliases, aliases.values())
    )
    # all or none, because arrays belong together: an x is not paired with a y_train
    return aliases.get(key, key) if has_aliases and not has_keys else key


def _read_array(archive: ZipFile, member: ZipInfo, where: str) -> NDArray[Any]:
    with archive.open(member) as file:
        read_header(file.read(HEADER_BYTES), member.file_size, where)
    with archive.open(member) as file:
        array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
    return array


def _is_single_array(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(len(npy.MAGIC_PREFIX)) == npy.MAGIC_PREFIX


def check_regular(path: Path, kind: str) -> None:
    """Checks that a file is no folder, pipe or device, of which opening may block; a missing one is left to its reader.

    Args:
        path: The file.
        kind: What the file should be.

    Raises:
        DataError: If there is something else.
        OSError: If the path can't be inspected.
    """
    if path.exists() and not is_regular(path):
        raise DataError("something that is not a regular file", kind, str(path))


@contextmanager
def read_errors(
    path: Path, kind: str, contents: str, errors: tuple[type[Exception], ...]
) -> Iterator[None]:
    """Turns errors of the libraries that read a file into messages of one line.

    Args:
        path: The file.
        kind: What the file should be.
        contents: What it should hold.
        errors: Exceptions of the libraries.

    Raises:
        DataError: If the content is broken.
        UnreadableError: If the content can't be read now.
    """
    handled = sys.exc_info()[1]
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError as error:
        raise UnreadableError("no such file", kind, str(path)) from error
    except errors as error:
        # if the end of a file can't be read, zipfile reports that it is not a zip file
        failure = system_failure(error, handled)
        if failure is not None:
            raise read_error(failure, path) from error
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        expected = f"{kind} {contents} ({reason})"
        raise DataError("a file that can't be read", expected, str(path)) from error
