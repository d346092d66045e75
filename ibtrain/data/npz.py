"""What an array in an npz archive says of itself, checked before memory is set aside for it."""

import io
import math
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy

from ibtrain.errors import DataError

__all__ = ["HEADER_BYTES", "Header", "check_names", "check_stored", "member_of", "read_header"]

DEFLATE_RATIO = 1040
"""Deflate can't make more than 1,032 bytes of one, so that a member which claims more lies."""
HEADER_BYTES = 12 + 10_000
"""Magic, length, and the longest header that numpy reads."""


@dataclass(frozen=True)
class Header:
    """What precedes an array's values.

    Args:
        shape: Of the array.
        dtype: Of a value.
        is_fortran: Whether the first index runs fastest.
        offset: Bytes of the header, after which the values begin.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool
    offset: int

    @property
    def size(self) -> int:
        """Bytes of the values."""
        return math.prod(self.shape) * self.dtype.itemsize


def check_names(archive: ZipFile, where: str) -> None:
    """All names in an archive.

    Args:
        archive: The archive.
        where: The file, for an error to name.

    Raises:
        DataError: One is there twice, or leads out of the archive.
    """
    names = [info.filename for info in archive.infolist()]
    for name in names:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise DataError(f"a member named {name!r}", "names that stay in the archive", where)
    if len(set(names)) < len(names):
        raise DataError("a name that is there twice", "each array once", where)


def member_of(archive: ZipFile, key: str, where: str) -> ZipInfo:
    """The member that holds an array.

    Args:
        archive: The archive, whose names have been checked.
        key: The array's.
        where: The file, for an error to name.

    Raises:
        DataError: There is none.
    """
    try:
        return archive.getinfo(f"{key}.npy")
    except KeyError as error:
        found = ", ".join(name.removesuffix(".npy") for name in archive.namelist()) or "nothing"
        raise DataError(f"keys {found}", f"a key {key!r}", where) from error


def check_stored(member: ZipInfo, archive_size: int, where: str) -> None:
    """A member's declared length against the bytes that it has in the archive.

    Args:
        member: What the archive's directory says of it.
        archive_size: Bytes of the whole archive.
        where: The array, for an error to name.

    Raises:
        DataError: It declares more than its bytes can hold, or is packed as numpy never packs.
    """
    is_stored = member.compress_type == ZIP_STORED
    if not is_stored and member.compress_type != ZIP_DEFLATED:
        raise DataError("a compression that numpy never writes", "none, or deflate", where)
    there = min(member.compress_size, archive_size - member.header_offset)
    if member.file_size > there * (1 if is_stored else DEFLATE_RATIO):
        given = f"{member.file_size} bytes declared, {there} there"
        raise DataError(given, "no more bytes than are there", where)


def read_header(start: bytes, length: int, where: str) -> Header:
    """The header of an array of plain values.

    Args:
        start: The member's first :data:`HEADER_BYTES`.
        length: Bytes of the member, the header included.
        where: The array, for an error to name.

    Raises:
        DataError: It holds objects, which would have to be unpickled, or declares another number
            of values than there are bytes for.
        ValueError: It is no header.
    """
    file = io.BytesIO(start)
    version = npy.read_magic(file)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    # the third version is for names of fields that are no ASCII: no plain values
    if version not in readers:
        raise ValueError(f"npy version {version[0]}.{version[1]}, not 1.0 or 2.0")
    try:
        shape, is_fortran, dtype = readers[version](file)
    # numpy evaluates the header as a Python literal: what that can raise has no end
    except Exception as error:
        raise ValueError(f"a broken header: {error}") from error
    header = Header(shape, dtype, is_fortran, file.tell())
    if dtype.hasobject:
        raise DataError("objects", "plain arrays, which need no unpickling", where)
    there = length - header.offset
    if min(shape, default=0) < 0 or dtype.itemsize == 0 or header.size != there:
        given = f"{dtype} of shape {shape} declared, {there} bytes there"
        raise DataError(given, "no more and no less than is there", where)
    return header
