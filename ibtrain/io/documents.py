"""TOML and JSON that may come from anywhere, read without surprises; JSON that can be read again."""

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
"""The longest document, and the longest line of events, that is read."""
TOML_BYTES = 1 << 16
TOML_DOTS = 256
"""In a line: tomllib's memory grows with the square of a key's parts (130,000 took 23 GB)."""
NESTING = 32
"""Tables in tables; the deepest document of a run has five."""
WHOLE_NUMBER = 2**63


def is_regular(path: Path) -> bool:
    """Whether a file is there that ends: no folder, no pipe to wait for, no endless device.

    Raises:
        OSError: It can't be told.
    """
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except ValueError:
        # a path with a NUL in it is no file's
        return False


def read_bytes(path: Path, limit: int = DOCUMENT_BYTES) -> bytes:
    """A whole file.

    Raises:
        OSError: It can't be read.
        ValueError: It is no regular file, or too long.
    """
    if not is_regular(path):
        raise ValueError("it is not a regular file")
    with open(path, "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"it is longer than {limit} bytes")
    return content


def parse_json(content: bytes) -> Any:
    """A JSON document: UTF-8, no key twice, numbers that 64 bits can hold, nested like a run's.

    Raises:
        ValueError: It isn't one; says why in a line.
    """
    text = content.decode()
    try:
        document = json.loads(text, object_pairs_hook=_distinct, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    _check(document)
    return document


def json_text(document: Any, where: str, *, indent: int | None = None) -> str:
    """A document as JSON that :func:`parse_json` accepts.

    Args:
        document: Dictionaries, lists, numbers, words and None.
        where: What the document is, or its file, for an error to name.
        indent: Spaces of each level; None writes one line.

    Raises:
        NonFiniteError: If a number is NaN or infinite; names its place.
        RunFolderError: If the text is longer than what is read.
    """
    place = place_of(document, lambda number: not math.isfinite(number))
    if place is not None:
        raise NonFiniteError(f"{where}: {place} is not a finite number; nothing was written")
    text = json.dumps(document, indent=indent, allow_nan=False)
    if len(text) > DOCUMENT_BYTES:
        expected = f"at most {DOCUMENT_BYTES}, which is what is read"
        raise RunFolderError(f"a document of {len(text)} bytes", expected, where)
    return text


def place_of(value: Any, is_wanted: Callable[[float], bool]) -> str | None:
    """The keys that lead to the first number of a kind in a document, joined by dots.

    Args:
        value: Dictionaries and lists, in which anything but a float is passed over.
        is_wanted: Whether a number is of that kind.
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
    """A TOML document, held to the same limits as JSON.

    Raises:
        ValueError: It isn't one; says why in a line.
    """
    if len(content) > TOML_BYTES:
        raise ValueError(f"it is longer than {TOML_BYTES} bytes")
    if any(line.count(b".") > TOML_DOTS for line in content.split(b"\n")):
        raise ValueError(f"a line has more than {TOML_DOTS} dots")
    try:
        document = tomllib.loads(content.decode())
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    _check(document)
    return document


_TOO_DEEP = f"it is nested more than {NESTING} deep"


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise ValueError(f"the key {key!r} is there twice")
        values[key] = value
    return values


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")


def _check(document: Any) -> None:
    """Level by level, not by recursion, which a nested document could exhaust."""
    level = [document]
    for _ in range(NESTING):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner.extend(value.values())
            elif isinstance(value, list):
                inner.extend(value)
            elif isinstance(value, int) and not -WHOLE_NUMBER <= value < WHOLE_NUMBER:
                raise ValueError("a whole number needs more than 64 bits")
            elif isinstance(value, float) and not math.isfinite(value):
                raise ValueError("a number is not finite")
        level = inner
        if not level:
            return
    raise ValueError(_TOO_DEEP)
