"""Reads MATLAB files as IDNNs stores its data sets: samples ``F`` and labels ``y``."""

import math
import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ibtrain.backend.memory import check_memory
from ibtrain.data.archives import check_regular, read_errors
from ibtrain.data.npz import DEFLATE_RATIO
from ibtrain.data.raw import RawData, raw_data
from ibtrain.errors import DataError, UnreadableError
from ibtrain.io.documents import read_bytes

__all__ = ["read_mat"]

SAMPLES, LABELS = "F", "y"
READ_ERRORS = (IndexError, MemoryError, OSError, ValueError, struct.error, zlib.error)
HEADER_BYTES = 128
"""Length of a file's header, which ends with its version and its byte order."""
VERSION_7_3 = 2
TAG_BYTES = 8
"""Length of an element's tag: its type and its number of bytes. Elements are padded to multiples of it."""
MATRIX, COMPRESSED = 14, 15
"""Types of an element that holds a variable, and of one that holds such an element, compressed."""
NUMBERS = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
"""Types of an element that holds numbers."""
CLASSES = {1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse"}
"""Classes of variables other than matrices of numbers."""
NUMERIC_CLASSES = range(6, 16)
COMPLEX_FLAG = 0x0800


def read_mat(path: Path) -> RawData:
    """Reads ``F`` ``(samples, dim)`` and ``y`` ``(1, samples)`` or ``(samples, 1)``; a fixed fifth is the test split.

    Files of MATLAB 5 to 7.2 can be read. Everything that they declare is checked against their bytes and against
    memory first; ``scipy.io.loadmat`` does not, and crashes on some broken files.

    Raises:
        DataError: If the file is not a MATLAB file, or lacks a variable, or if a variable is not a matrix of numbers.
        UnreadableError: If the file is missing, can't be read now, or is larger than memory.

    References:
        MathWorks, MAT-File Format (2019), chapter 1.
    """
    where = str(path)
    with read_errors(path, "a file of MATLAB 5 to 7.2", "with F and y", READ_ERRORS):
        check_regular(path, "a MATLAB file")
        size = path.stat().st_size
        check_memory(size, "a file", UnreadableError, where)
        arrays = _read_arrays(read_bytes(path, size), where)
    x, y = arrays[SAMPLES], arrays[LABELS]
    y = y.reshape(-1) if 1 in y.shape else y
    return raw_data(x, y, f"{path}: {SAMPLES}, {LABELS}", source=where)


def _read_arrays(content: bytes, where: str) -> dict[str, NDArray[Any]]:
    """Returns the samples and the labels in a file, read-only.

    Raises:
        DataError: If one of them is missing, there twice, or not a matrix of numbers.
        ValueError: If the file is broken.
    """
    order = {b"IM": "<", b"MI": ">"}.get(content[HEADER_BYTES - 2 : HEADER_BYTES])
    if order is None:
        raise ValueError("it has no MATLAB header")
    version = content[HEADER_BYTES - 3 if order == "<" else HEADER_BYTES - 4]
    if version >= VERSION_7_3:
        raise DataError("a file of MATLAB 7.3", "one that was saved with -v7", where)
    arrays: dict[str, NDArray[Any]] = {}
    names = []
    for variable in _variables(content, order, where):
        (_, flags), (_, dims), (_, name_bytes), *values = islice(_parts(variable, order), 4)
        name = bytes(name_bytes).decode("latin-1")
        names.append(name)
        if name in (SAMPLES, LABELS):
            shape = np.frombuffer(dims, f"{order}i4").tolist()
            (code,) = struct.unpack(f"{order}I4x", flags)
            _check_class(code, shape, f"{where}: {name}")
            arrays[name] = _matrix(*values[0], shape, order, f"{where}: {name}")
    for name in (SAMPLES, LABELS):
        if names.count(name) != 1:
            given = f"variables {', '.join(names) or 'nothing'}"
            raise DataError(given, f"one variable {name!r}", where)
    return arrays


def _variables(content: bytes, order: str, where: str) -> Iterator[memoryview]:
    """Yields the bytes of each variable of a file, without its tag.

    Raises:
        DataError: If a compressed variable declares more bytes than it can hold.
        UnreadableError: If compressed variables declare more bytes than memory has.
        ValueError: If the file is broken.
    """
    total = 0
    for kind, element in _parts(memoryview(content)[HEADER_BYTES:], order, are_padded=False):
        if kind == MATRIX:
            yield element
        elif kind == COMPRESSED:
            stream = zlib.decompressobj()
            tag = stream.decompress(element, TAG_BYTES)
            inner_kind, declared = struct.unpack(f"{order}II", tag)
            if inner_kind != MATRIX or declared > DEFLATE_RATIO * len(element):
                given = f"{declared} bytes of type {inner_kind} declared, {len(element)} stored"
                raise DataError(given, "a variable of no more bytes than are stored", where)
            total += declared
            check_memory(total, "variables", UnreadableError, where)
            # with room for one more byte, zlib reads up to the checksum
            yield memoryview(stream.decompress(stream.unconsumed_tail, declared + 1))


def _parts(
    content: memoryview, order: str, *, are_padded: bool = True
) -> Iterator[tuple[int, memoryview]]:
    """Yields type and bytes of each element.

    Raises:
        ValueError: If an element does not end within the content.
    """
    tag = struct.Struct(f"{order}II")
    start = 0
    while start + TAG_BYTES <= len(content):
        kind, size = tag.unpack_from(content, start)
        if kind >> 16:
            # a short element: its size is in the upper half of its type, and its bytes are in the rest of its tag
            kind, size, end = kind & 0xFFFF, kind >> 16, start + TAG_BYTES
            start += TAG_BYTES // 2
        else:
            start += TAG_BYTES
            end = start + (-(-size // TAG_BYTES) * TAG_BYTES if are_padded else size)
        if size > min(end, len(content)) - start:
            raise ValueError(f"{size} bytes declared, {len(content) - start} stored")
        yield kind, content[start : start + size]
        start = end


def _check_class(code: int, shape: list[int], where: str) -> None:
    """Checks that a variable is a real matrix of numbers.

    Raises:
        DataError: If it is something else.
    """
    number, is_complex = code & 0xFF, bool(code & COMPLEX_FLAG)
    if number not in NUMERIC_CLASSES or is_complex or len(shape) != 2:
        kind = CLASSES.get(number, "complex" if is_complex else f"number {number}")
        given = f"a variable of class {kind} and shape {tuple(shape)}"
        raise DataError(given, "a matrix of real numbers", where)


def _matrix(
    kind: int, values: memoryview, shape: list[int], order: str, where: str
) -> NDArray[Any]:
    """Returns the values of a matrix, which may be stored as a smaller type than their class.

    Raises:
        DataError: If the shape does not match the number of values.
        ValueError: If the values are not numbers.
    """
    if kind not in NUMBERS:
        raise ValueError(f"values of type {kind}")
    array = np.frombuffer(values, f"{order}{NUMBERS[kind]}")
    if min(shape) < 0 or math.prod(shape) != array.size:
        given = f"shape {tuple(shape)} declared, {array.size} values stored"
        raise DataError(given, "a shape that matches the stored values", where)
    return array.reshape(shape, order="F")
