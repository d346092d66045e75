"""Checks the headers of arrays in an npz archive before memory is allocated for them."""

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
"""Upper limit of a compression ratio: Deflate expands a byte to at most 1,032, so a higher declared ratio is false."""
HEADER_BYTES = 12 + 10_000
"""Maximum number of bytes of a header: magic string, length, and the longest header that numpy reads."""


@dataclass(frozen=True)
class Header:
    """Header of an array.

    Args:
        shape: Shape of the array.
        dtype: Type of the values.
        is_fortran: Whether values are in Fortran order: the first index varies fastest.
        offset: Number of bytes of the header, after which the values begin.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool
    offset: int

    @property
    def size(self) -> int:
        """Number of bytes of the values."""
        return math.prod(self.shape) * self.dtype.itemsize


def check_names(archive: ZipFile, where: str) -> None:
    """Checks all names in an archive.

    Args:
        archive: The archive.
        where: The file, for error messages.

    Raises:
        DataError: If a name occurs twice, or leads out of the archive.
    """
    names = [info.filename for info in archive.infolist()]
    for name in names:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise DataError(f"a member named {name!r}", "names that stay in the archive", where)
    if len(set(names)) < len(names):
        raise DataError("a name that occurs twice", "each array once", where)


def member_of(archive: ZipFile, key: str, where: str) -> ZipInfo:
    """Returns the member that holds an array.

    Args:
        archive: The archive, whose names have been checked.
        key: Key of the array.
        where: The file, for error messages.

    Raises:
        DataError: If there is no such member.
    """
    try:
        return archive.getinfo(f"{key}.npy")
    except KeyError as error:
        keys = ", ".join(name.removesuffix(".npy") for name in archive.namelist()) or "nothing"
        raise DataError(f"keys {keys}", f"a key {key!r}", where) from error


def check_stored(member: ZipInfo, archive_size: int, where: str) -> None:
    """Checks a member's declared length against the number of its bytes in the archive.

    Args:
        member: The member's entry in the archive's directory.
        archive_size: Number of bytes of the whole archive.
        where: The array, for error messages.

    Raises:
        DataError: If the declared length is more than the bytes can expand to, or if the compression is one
            that numpy never uses.
    """
    is_stored = member.compress_type == ZIP_STORED
    if not is_stored and member.compress_type != ZIP_DEFLATED:
        raise DataError("a compression that numpy never writes", "none, or deflate", where)
    stored = min(member.compress_size, archive_size - member.header_offset)
    if member.file_size > stored * (1 if is_stored else DEFLATE_RATIO):
        given = f"{member.file_size} bytes declared, {stored} stored"
        raise DataError(given, "no more bytes than are stored", where)


def read_header(start: bytes, length: int, where: str) -> Header:
    """Parses and checks the header of an array of plain values.

    Args:
        start: The first :data:`HEADER_BYTES` of the member.
        length: Number of bytes of the member, including the header.
        where: The array, for error messages.

    Raises:
        DataError: If the array holds objects, which would have to be unpickled, or if its shape does not match
            the number of stored bytes.
        ValueError: If the bytes are not a valid header.
    """
    file = io.BytesIO(start)
    version = npy.read_magic(file)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    # version 3.0 is for structured arrays with non-ASCII field names, which are not plain values
    if version not in readers:
        raise ValueError(f"npy version {version[0]}.{version[1]}, not 1.0 or 2.0")
    try:
        shape, is_fortran, dtype = readers[version](file)
    # numpy evaluates the header as a Python literal, which may raise any exception
    except Exception as error:
        raise ValueError(f"a broken header: {error}") from error
    header = Header(shape, dtype, is_fortran, file.tell())
    if dtype.hasobject:
        raise DataError("objects", "plain arrays, which need no unpickling", where)
    stored = length - header.offset
    if min(shape, default=0) < 0 or dtype.itemsize == 0 or header.size != stored:
        given = f"{dtype} of shape {shape} declared, {stored} bytes stored"
        raise DataError(given, "a shape that matches the stored bytes", where)
    return header
