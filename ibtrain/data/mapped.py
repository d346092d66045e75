"""Arrays of an npz file where they lie on the disk, so that they may be larger than memory."""

import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from ibtrain.data.archives import read_archive, stored_name
from ibtrain.data.npz import HEADER_BYTES, check_names, check_stored, member_of, read_header
from ibtrain.errors import DataError
from ibtrain.io.documents import is_regular

__all__ = ["map_archive"]

LOCAL_HEADER = struct.Struct("<4s22xHH")
"""Of a zip member: its signature, and the lengths of its name and of what lies before its bytes."""
ENCRYPTED = 1
"""A member's flag."""
UNREADABLE = (OSError, DataError, ValueError, struct.error, BadZipFile, NotImplementedError)
"""What is raised where an array can't be mapped."""


def map_archive(
    path: Path, wanted: Sequence[str], aliases: Mapping[str, str] | None = None
) -> dict[str, NDArray[Any]]:
    """Arrays of an npz file by their keys, as read-only memory maps where they were stored as they are.

    ``numpy.savez`` stores them so; what ``numpy.savez_compressed`` has written is read. A map is
    not checked against the file's checksum, which would take reading it all.

    Args:
        path: The file.
        wanted: Keys that must be there.
        aliases: What the wanted keys may be called in the file where none of them is there.

    Raises:
        DataError: As :func:`~ibtrain.data.archives.read_archive`.
    """
    aliases = aliases or {}
    mapped = _mapped(path, wanted, aliases)
    others = [key for key in wanted if key not in mapped]
    return mapped | (read_archive(path, others, aliases=aliases) if others else {})


def _mapped(
    path: Path, wanted: Sequence[str], aliases: Mapping[str, str]
) -> dict[str, NDArray[Any]]:
    """Maps of those arrays that can be mapped; whoever reads the others says why they can't be."""
    mapped: dict[str, NDArray[Any]] = {}
    with suppress(*UNREADABLE):
        # a pipe would be waited for
        if not is_regular(path):
            return mapped
        size = path.stat().st_size
        with ZipFile(path) as archive, path.open("rb") as file:
            check_names(archive, str(path))
            names = archive.namelist()
            for key in wanted:
                with suppress(*UNREADABLE):
                    member = member_of(archive, stored_name(key, names, aliases), str(path))
                    check_stored(member, size, str(path))
                    is_plain = (
                        member.compress_type == ZIP_STORED and not member.flag_bits & ENCRYPTED
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
    first = file.read(min(HEADER_BYTES, member.file_size))
    header = read_header(first, member.file_size, str(path))
    offset = start + header.offset
    # a map of more than there is ends the process when it is read
    if offset + header.size > size:
        return None
    order: Any = "F" if header.is_fortran else "C"
    return np.memmap(path, header.dtype, mode="r", offset=offset, shape=header.shape, order=order)
