"""Maps arrays of npz and npy files from disk, so that they may be larger than memory."""

import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from ibtrain.data.archives import check_regular, read_archive, read_errors, stored_name
from ibtrain.data.npz import HEADER_BYTES, Header, check_names, check_stored, member_of, read_header
from ibtrain.errors import DataError
from ibtrain.io.documents import is_regular

__all__ = ["map_archive", "map_array"]

LOCAL_HEADER = struct.Struct("<4s22xHH")
"""Local header of a zip member: signature, and lengths of the name and the extra field that follow."""
ENCRYPTED_FLAG = 1
"""Flag bit of an encrypted zip member."""
MAPPING_ERRORS = (OSError, DataError, ValueError, struct.error, BadZipFile, NotImplementedError)
"""Exceptions that mean that an array can't be mapped."""


def map_archive(
    path: Path,
    wanted: Sequence[str],
    optional: Sequence[str] = (),
    aliases: Mapping[str, str] | None = None,
) -> dict[str, NDArray[Any]]:
    """Returns arrays of an npz file by their keys, as read-only memory maps if they are uncompressed.

    ``numpy.savez`` stores arrays uncompressed; those of ``numpy.savez_compressed`` are read into memory. A
    mapped array is not checked against its checksum, which would require reading all of it.

    Args:
        path: The file.
        wanted: Required keys.
        optional: Keys that may be missing.
        aliases: Alternative names in the file, used if the file has none of the keys.

    Raises:
        DataError: For the same reasons as :func:`~ibtrain.data.archives.read_archive`.
    """
    aliases = aliases or {}
    mapped = _mapped(path, [*wanted, *optional], aliases)
    required, others = ([key for key in keys if key not in mapped] for keys in (wanted, optional))
    return mapped | (read_archive(path, required, others, aliases) if required or others else {})


def map_array(path: Path) -> NDArray[Any]:
    """Returns the array of an npy file as a read-only memory map.

    Args:
        path: The file.

    Raises:
        DataError: If the file is not an npy, declares more bytes than it holds, or holds objects.
        UnreadableError: If the file is missing or can't be read now.
    """
    with read_errors(path, "an npy file", "of a plain array", (OSError, ValueError, EOFError)):
        check_regular(path, "an npy file")
        with path.open("rb") as file:
            header = read_header(file.read(HEADER_BYTES), path.stat().st_size, str(path))
        return _memory_map(path, header, header.offset)


def _memory_map(path: Path, header: Header, offset: int) -> NDArray[Any]:
    order: Any = "F" if header.is_fortran else "C"
    return np.memmap(path, header.dtype, mode="r", offset=offset, shape=header.shape, order=order)


def _mapped(path: Path, keys: Sequence[str], aliases: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """Maps the arrays that can be mapped; reading the remaining ones reports any error."""
    mapped: dict[str, NDArray[Any]] = {}
    with suppress(*MAPPING_ERRORS):
        # opening a pipe would block
        if not is_regular(path):
            return mapped
        size = path.stat().st_size
        with ZipFile(path) as archive, path.open("rb") as file:
            check_names(archive, str(path))
            names = archive.namelist()
            for key in keys:
                with suppress(*MAPPING_ERRORS):
                    member = member_of(archive, stored_name(key, names, aliases), str(path))
                    check_stored(member, size, str(path))
                    is_plain = (
                        member.compress_type == ZIP_STORED and not member.flag_bits & ENCRYPTED_FLAG
                    )
                    if is_plain and (array := _map(path, size, file, member)) is not None:
                        mapped[key] = array
    return mapped


def _map(path: Path, size: int, file: IO[bytes], member: ZipInfo) -> NDArray[Any] | None:
    file.seek(member.header_offset)
    signature, *lengths = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    if signature != b"PK\x03\x04":
        return None
    start = file.seek(sum(lengths), 1)
    header_bytes = file.read(min(HEADER_BYTES, member.file_size))
    header = read_header(header_bytes, member.file_size, str(path))
    offset = start + header.offset
    # reading a map beyond the end of the file would kill the process
    if offset + header.size > size:
        return None
    return _memory_map(path, header, offset)
