"""Arrays of an npz file where they lie on the disk, so that they may be larger than memory."""

import math
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ibtrain.data.archives import read_archive

__all__ = ["map_archive"]

LOCAL_HEADER = struct.Struct("<4s22xHH")
"""Of a zip member: its signature, and the lengths of its name and of what lies before its bytes."""
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def map_archive(path: Path, wanted: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Arrays of an npz file by their keys, as read-only memory maps where they were stored as they are.

    ``numpy.savez`` stores them so; what ``numpy.savez_compressed`` has written is read. A map is
    not checked against the file's checksum, which would take reading it all.

    Args:
        path: The file.
        wanted: Keys that must be there.

    Raises:
        DataError: As :func:`~ibtrain.data.archives.read_archive`.
    """
    mapped = {key: array for key in wanted if (array := _mapped(path, key)) is not None}
    others = [key for key in wanted if key not in mapped]
    return mapped | (read_archive(path, others) if others else {})


def _mapped(path: Path, key: str) -> NDArray[Any] | None:
    """An array's map; None where there can be none, and whoever reads the file says why."""
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            member = archive.getinfo(f"{key}.npy")
            is_plain = member.compress_type == zipfile.ZIP_STORED and not member.flag_bits & 1
            return _map(path, file, member) if is_plain else None
    except (OSError, KeyError, ValueError, struct.error, zipfile.BadZipFile, NotImplementedError):
        return None


def _map(path: Path, file: IO[bytes], member: zipfile.ZipInfo) -> NDArray[Any] | None:
    file.seek(member.header_offset)
    signature, *lengths = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    if signature != b"PK\x03\x04":
        return None
    start = file.seek(sum(lengths), 1)
    read_header = HEADERS.get(npy.read_magic(file))
    if read_header is None:
        return None
    shape, is_fortran, dtype = read_header(file)
    offset = file.tell()
    # a header may promise more than there is, and a map of that ends the process when it is read
    fits = offset - start + math.prod(shape) * dtype.itemsize == member.file_size
    if dtype.hasobject or not fits:
        return None
    order: Any = "F" if is_fortran else "C"
    return np.memmap(path, dtype, mode="r", offset=offset, shape=shape, order=order)
