"""Settings as they are read from files, and what of them differs."""

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, TypeVar

from ibtrain.errors import ConfigError
from ibtrain.io.documents import json_text, parse_json, parse_toml, read_bytes

__all__ = ["build", "choice", "difference", "read_settings", "toml_lines"]

T = TypeVar("T")


def choice(default: str, choices: Collection[str]) -> Any:
    """A field of a dataclass that is one of several words.

    Args:
        default: One of them.
        choices: All of them; what is added to a dictionary later counts.
    """
    return field(default=default, metadata={"choices": choices})


def read_settings(path: Path) -> dict[str, Any]:
    """The settings in a ``.toml`` or ``.json`` file, not yet checked.

    Raises:
        ConfigError: The file can't be read or parsed.
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
    """The first setting of nested dictionaries that differs.

    Args:
        wanted: Settings.
        there: The settings that they are compared with.
        place: The keys that lead to both.

    Returns:
        The setting's keys, joined by dots, and both values; None if all settings are the same.
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
    """A line for each setting that is not None."""
    # JSON's scalars and arrays are TOML's too
    return [
        f"{key} = {json_text(value, key)}" for key, value in values.items() if value is not None
    ]


def build(cls: type[T], values: object, tables: Mapping[str, type[Any]], where: str) -> T:
    """A dataclass from a table of settings.

    Args:
        cls: The dataclass.
        values: Its fields by name; lists become tuples.
        tables: Dataclasses of fields that are tables themselves. Where such a field may be None, it stays None.
        where: What holds the settings, for an error to name.

    Raises:
        ConfigError: If a key is unknown, or a value out of its range.
    """
    if not isinstance(values, dict):
        raise ConfigError(repr(values), "a table of settings", where)
    known = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    arguments: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise ConfigError(repr(key), "one of " + ", ".join(known), where)
        if key in tables and value is None and known[key].default is None:
            arguments[key] = None
        elif key in tables:
            arguments[key] = build(tables[key], value, {}, f"{where}.{key}")
        elif isinstance(known[key].default, tuple):
            if not isinstance(value, list | tuple):
                raise ConfigError(repr(value), "a list", f"{where}.{key}")
            arguments[key] = tuple(value)
        else:
            arguments[key] = value
    return cls(**arguments)
