"""Reads settings from files, and compares them."""

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, TypeVar

from ibtrain.errors import ConfigError
from ibtrain.io.documents import json_text, parse_json, parse_toml, read_bytes
from ibtrain.text import hint

__all__ = ["build", "choice", "difference", "named", "read_settings", "toml_lines"]

T = TypeVar("T")


def choice(default: str, choices: Collection[str]) -> Any:
    """Declares a dataclass field whose value is one of several words.

    Args:
        default: The default word.
        choices: All words; words that are added to a dictionary later are valid too.
    """
    return field(default=default, metadata={"choices": choices})


def named(default: Any, names: Mapping[str, Any]) -> Any:
    """Declares a dataclass field some of whose values have a name on the command line.

    Args:
        default: The default value.
        names: Values by name.
    """
    return field(default=default, metadata={"names": names})


def read_settings(path: Path) -> dict[str, Any]:
    """Reads the settings of a ``.toml`` or ``.json`` file without checking their values.

    Raises:
        ConfigError: If the file can't be read or parsed.
    """
    try:
        content = read_bytes(path)
        values = parse_toml(content) if path.suffix == ".toml" else parse_json(content)
    except (OSError, ValueError) as error:
        raise ConfigError(
            "a file that can't be read", f"TOML or JSON ({error})", str(path)
        ) from error
    if not isinstance(values, dict):
        raise ConfigError(type(values).__name__, "a table of settings", str(path))
    return values


def difference(wanted: object, there: object, place: str = "") -> tuple[str, object, object] | None:
    """Finds the first setting in which two nested dictionaries differ.

    Args:
        wanted: The first settings.
        there: The second settings.
        place: Keys of the parent dictionaries, joined by dots.

    Returns:
        The setting's keys, joined by dots, and both values; None if all settings are equal.
    """
    if not isinstance(wanted, dict) or not isinstance(there, dict):
        return None if wanted == there else (place, wanted, there)
    for key in {**wanted, **there}:
        inner = f"{place}.{key}" if place else str(key)
        change = difference(wanted.get(key), there.get(key), inner)
        if change:
            return change
    return None


def toml_lines(values: dict[str, Any]) -> list[str]:
    """Returns a line of TOML for each setting that is not None."""
    # JSON's scalars and arrays are valid in TOML
    return [
        f"{key} = {json_text(value, key)}" for key, value in values.items() if value is not None
    ]


def build(cls: type[T], values: object, tables: Mapping[str, type[Any]], where: str) -> T:
    """Creates a dataclass from a table of settings.

    Args:
        cls: The dataclass.
        values: Fields by name; lists become tuples.
        tables: Dataclasses of the fields that are tables. A field whose default is None may stay None.
        where: The file or argument that holds the settings, for error messages.

    Raises:
        ConfigError: If a key is unknown, or a value is invalid.
    """
    if not isinstance(values, dict):
        raise ConfigError(repr(values), "a table of settings", where)
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    arguments: dict[str, Any] = {}
    for key, value in values.items():
        if key not in fields:
            raise ConfigError(repr(key), "one of " + ", ".join(fields) + hint(key, fields), where)
        if key in tables and value is None and fields[key].default is None:
            arguments[key] = None
        elif key in tables:
            arguments[key] = build(tables[key], value, {}, f"{where}.{key}")
        elif isinstance(fields[key].default, tuple):
            if not isinstance(value, list | tuple):
                raise ConfigError(repr(value), "a list", f"{where}.{key}")
            arguments[key] = tuple(value)
        else:
            arguments[key] = value
    return cls(**arguments)
