"""NumPy archives, read without ever unpickling."""

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

__all__ = ["read_archive", "stored_name"]


def read_archive(
    path: Path,
    wanted: Sequence[str],
    optional: Sequence[str] = (),
    aliases: Mapping[str, str] | None = None,
) -> dict[str, NDArray[Any]]:
    """Arrays of an npz file by their keys.

    Nothing is extracted: an array is read into memory, once it is known to fit there.

    Args:
        path: The file.
        wanted: Keys that must be there.
        optional: Keys that may be.
        aliases: What the wanted keys may be called in the file where none of them is there.

    Raises:
        DataError: The file is no npz, lacks a key, declares more than it holds, or an array holds
            objects that would have to be unpickled.
        UnreadableError: The file is missing, can't be read now, or is more than memory can hold.
    """
    with _reading(path):
        if path.exists() and not is_regular(path):
            raise DataError("something that is no regular file", "an npz archive", str(path))
        if _is_single_array(path):
            raise DataError("a single array", "an npz archive with x and y", str(path))
        with ZipFile(path) as archive:
            names = set(archive.namelist())
            keys = (*wanted, *(key for key in optional if f"{key}.npy" in names))
            check_names(archive, str(path))
            stored = {key: stored_name(key, names, aliases or {}) for key in keys}
            members = {key: member_of(archive, stored[key], str(path)) for key in keys}
            length = path.stat().st_size
            for key, member in members.items():
                check_stored(member, length, f"{path}: {key}")
            total = sum(member.file_size for member in members.values())
            check_memory(total, "arrays", UnreadableError, str(path))
            return {key: _read_array(archive, m, f"{path}: {key}") for key, m in members.items()}


def stored_name(key: str, names: Collection[str], aliases: Mapping[str, str]) -> str:
    """What a wanted array is called in an archive.

    Args:
        key: What it is called by whoever reads it.
        names: The archive's members.
        aliases: Other names, of which all are taken or none.
    """
    own, others = (any(f"{n}.npy" in names for n in a) for a in (aliases, aliases.values()))
    # arrays that belong together: an x is no partner of a y_train
    return aliases.get(key, key) if others and not own else key


def _read_array(archive: ZipFile, member: ZipInfo, where: str) -> NDArray[Any]:
    with archive.open(member) as file:
        read_header(file.read(HEADER_BYTES), member.file_size, where)
    with archive.open(member) as file:
        array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
    return array


def _is_single_array(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(len(npy.MAGIC_PREFIX)) == npy.MAGIC_PREFIX


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Tells in a line what zipfile, zlib and numpy find wrong.

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
        raise UnreadableError("no such file", "an npz archive", str(path)) from error
    # an encrypted member is a RuntimeError
    except (
        BadZipFile, EOFError, MemoryError, OSError, RuntimeError, ValueError, zlib.error,
    ) as error:  # fmt: skip
        # zipfile says of a file whose end can't be read that it is no zip file
        failure = system_failure(error, handled)
        if failure is not None:
            raise read_error(failure, path) from error
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        expected = f"an npz archive of plain arrays ({reason})"
        raise DataError("a file that can't be read", expected, str(path)) from error
