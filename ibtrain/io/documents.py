"""Reads TOML and JSON from untrusted sources within strict limits; writes JSON that passes the same checks."""

import json
import math
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from ibtrain.errors import NonFiniteError, RunFolderError

__all__ = [
    "DOCUMENT_BYTES",
    "is_regular",
    "json_text",
    "parse_json",
    "parse_toml",
    "place_of",
    "read_bytes",
]

DOCUMENT_BYTES = 64 << 20
"""Maximum number of bytes of a document, or of a line of an event log, that is read."""
MAX_TOML_BYTES = 1 << 16
MAX_TOML_DOTS = 256
"""Maximum number in a line: tomllib's memory grows with the square of a key's parts (130,000 took 23 GB)."""
MAX_NESTING = 32
"""Maximum nesting depth; the deepest document of a run has five levels."""
INT64_LIMIT = 2**63


def is_regular(path: Path) -> bool:
    """Whether a path is a regular file, not a folder, a pipe that blocks, or an endless device.

    Raises:
        OSError: If the path can't be inspected.
    """
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except ValueError:
        # no file has a path with a NUL character
        return False


def read_bytes(path: Path, limit: int = DOCUMENT_BYTES) -> bytes:
    """Reads a whole file.

    Raises:
        OSError: If the file can't be read.
        ValueError: If it is not a regular file, or longer than ``limit`` bytes.
    """
    if not is_regular(path):
        raise ValueError("it is not a regular file")
    with open(path, "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"it is longer than {limit} bytes")
    return content


def parse_json(content: bytes) -> Any:
    """Parses a JSON document: UTF-8, no repeated keys, finite 64-bit numbers, limited nesting.

    Raises:
        ValueError: If the content is not such a document; the message is one line.
    """
    text = content.decode()
    try:
        document = json.loads(text, object_pairs_hook=_distinct, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    _check(document)
    return document


def json_text(document: Any, where: str, *, indent: int | None = None) -> str:
    """Returns a document as JSON that :func:`parse_json` accepts.

    Args:
        document: Dictionaries, lists, numbers, strings and None.
        where: Name of the document or of its file, for error messages.
        indent: Number of spaces per level; None writes one line.

    Raises:
        NonFiniteError: If a number is NaN or infinite; the message names its place.
        RunFolderError: If the text is longer than :data:`DOCUMENT_BYTES`.
    """
    place = place_of(document, lambda number: not math.isfinite(number))
    if place is not None:
        raise NonFiniteError(f"{where}: {place} is not a finite number; nothing was written")
    text = json.dumps(document, indent=indent, allow_nan=False)
    if len(text) > DOCUMENT_BYTES:
        expected = f"at most {DOCUMENT_BYTES}, the limit for reading it back"
        raise RunFolderError(f"a document of {len(text)} bytes", expected, where)
    return text


def place_of(value: Any, is_wanted: Callable[[float], bool]) -> str | None:
    """Returns the path of keys, joined by dots, to the first float in a document that meets a condition.

    Args:
        value: Dictionaries and lists; values that are not floats are skipped.
        is_wanted: The condition.
    """
    if isinstance(value, float):
        return "" if is_wanted(value) else None
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    for key, inner in items:
        place = place_of(inner, is_wanted)
        if place is not None:
            return f"{key}.{place}" if place else str(key)
    return None


def parse_toml(content: bytes) -> dict[str, Any]:
    """Parses a TOML document, with the same limits as for JSON.

    Raises:
        ValueError: If the content is not such a document; the message is one line.
    """
    if len(content) > MAX_TOML_BYTES:
        raise ValueError(f"it is longer than {MAX_TOML_BYTES} bytes")
    if any(line.count(b".") > MAX_TOML_DOTS for line in content.split(b"\n")):
        raise ValueError(f"a line has more than {MAX_TOML_DOTS} dots")
    try:
        document = tomllib.loads(content.decode())
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    _check(document)
    return document


_TOO_DEEP = f"it is nested more than {MAX_NESTING} deep"


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise ValueError(f"the key {key!r} occurs twice")
        values[key] = value
    return values


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")


def _check(document: Any) -> None:
    """Checks the numbers and the nesting level by level; a nested document could exhaust a recursion."""
    level = [document]
    for _ in range(MAX_NESTING):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner.extend(value.values())
            elif isinstance(value, list):
                inner.extend(value)
            elif isinstance(value, int) and not -INT64_LIMIT <= value < INT64_LIMIT:
                raise ValueError("a whole number needs more than 64 bits")
            elif isinstance(value, float) and not math.isfinite(value):
                raise ValueError("a number is not finite")
        level = inner
        if not level:
            return
    raise ValueError(_TOO_DEEP)
