"""Reads settings from files, and compares them."""

import dataclasses
import inspect
from collections.abc import Collection, Mapping
from dataclasses import field
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

from ibtrain.errors import ConfigError
from ibtrain.io.documents import json_text, parse_json, parse_toml, read_bytes
from ibtrain.text import hint

__all__ = [
    "added",
    "build",
    "check_config",
    "check_keywords",
    "choice",
    "convert_fields",
    "difference",
    "flattened",
    "named",
    "read_settings",
    "toml_lines",
    "with_defaults",
]

T = TypeVar("T")

SYNONYMS = {
    "alpha": "beta",
    "bs": "batch_size",
    "data": "dataset",
    "layers": "hidden",
    "lr": "learning_rate",
    "random_state": "seeds",
    "sigma": "noise_std",
    "wd": "weight_decay",
    "width": "hidden",
    "widths": "hidden",
}
"""Other names of settings, in other libraries and in papers."""
_HOMES: dict[str, list[str]] = {}
"""Names of the dataclasses that have a setting, by its name."""


def choice(default: str | None, choices: Collection[str]) -> Any:
    """Declares a dataclass field whose value is one of several words.

    Args:
        default: The default word; None if it is chosen later.
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


def added(default: Any, before: Any) -> Any:
    """Declares a dataclass field whose default is not what training did before the field existed.

    Args:
        default: The default value.
        before: Its value in what a version without the field has saved.
    """
    return field(default=default, metadata={"before": before})


def convert_fields(record: Any) -> None:
    """Converts the numbers of NumPy and torch in a dataclass to Python's.

    Where the default of a field is a tuple, a list, an array or a single number becomes a tuple too.
    """
    for setting in dataclasses.fields(record):
        value = _plain(getattr(record, setting.name))
        if isinstance(setting.default, tuple):
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            value = (value,) if is_number else value
            value = tuple(map(_plain, value)) if isinstance(value, list | tuple | range) else value
        object.__setattr__(record, setting.name, value)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def check_keywords(cls: type[T]) -> type[T]:
    """Makes a class answer an unknown keyword argument with a ``ConfigError`` that names the most similar one.

    Args:
        cls: A class whose ``__init__`` takes no further keyword arguments.
    """
    names = tuple(inspect.signature(cls).parameters)
    if dataclasses.is_dataclass(cls):
        for name in names:
            _HOMES.setdefault(name, []).append(cls.__name__)
    create = cls.__init__

    @wraps(create)
    def checked(self: T, *args: Any, **kwargs: Any) -> None:
        for key in kwargs:
            if key not in names:
                raise _unknown(key, names, type(self).__name__)
        create(self, *args, **kwargs)

    cls.__init__ = checked  # type: ignore[assignment]
    return cls


def _unknown(key: str, names: Collection[str], where: str) -> ConfigError:
    """The error of an unknown setting, with the one that may have been meant."""
    synonym = SYNONYMS.get(key.lower())
    if synonym in names:
        advice = hint(synonym, names)
    elif key in _HOMES:
        advice = f" ({key} is a setting of {' and of '.join(_HOMES[key])})"
    else:
        advice = hint(key, names)
    return ConfigError(repr(key), f"one of {', '.join(names)}{advice}", where)


def check_config(where: str, value: object, kind: type[Any]) -> None:
    """Checks that an argument is a configuration, and not a word, a dictionary or another configuration.

    Raises:
        ConfigError: If it is something else.
    """
    if isinstance(value, kind):
        return
    name = kind.__name__

    def article(word: str) -> str:
        return f"an {word}" if word[0] in "AEIOU" else f"a {word}"

    words = (f.name for f in dataclasses.fields(kind) if "choices" in f.metadata)
    if isinstance(value, str):
        word = next((f for f in words if value in _choices(kind, f)), None)
        example = f", such as {name}({word}={value!r})" if word else ""
    elif isinstance(value, dict):
        example = f": {name}(**settings)"
    elif dataclasses.is_dataclass(value):
        example = f"; name the argument that is meant to be the {type(value).__name__}"
    else:
        example = ""
    given = repr(value) if isinstance(value, str | int | float) else article(type(value).__name__)
    raise ConfigError(given, f"{article(name)}{example}", where)


def _choices(kind: type[Any], name: str) -> Collection[str]:
    (found,) = (f.metadata["choices"] for f in dataclasses.fields(kind) if f.name == name)
    choices: Collection[str] = found
    return choices


def read_settings(path: Path) -> dict[str, Any]:
    """Reads the settings of a ``.toml`` or ``.json`` file without checking their values.

    Raises:
        ConfigError: If the file can't be read or parsed.
    """
    try:
        content = read_bytes(path)
        values = parse_toml(content) if path.suffix == ".toml" else parse_json(content)
    except FileNotFoundError as error:
        raise ConfigError("no such file", "a .toml or .json file", str(path)) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        expected = f"TOML or JSON ({reason})"
        raise ConfigError("a file that can't be read", expected, str(path)) from error
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


def with_defaults(values: Mapping[str, Any], kind: type[Any]) -> dict[str, Any]:
    """Returns saved settings, and what those that the version which saved them did not have were then.

    Args:
        values: Settings by name, as JSON has them.
        kind: Their dataclass.
    """
    defaults = {f.name: f.metadata.get("before", f.default) for f in dataclasses.fields(kind)}
    known = {name: value for name, value in defaults.items() if value is not dataclasses.MISSING}
    plain = {name: list(v) if isinstance(v, tuple) else v for name, v in known.items()}
    return {**plain, **values}


def flattened(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns nested settings by their keys, joined by dots.

    Args:
        values: Nested dictionaries.
        prefix: Beginning of every name.

    Example:
        >>> flattened({"seeds": [0], "model": {"kind": "mlp"}})
        {'seeds': [0], 'model.kind': 'mlp'}
    """
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        flat |= flattened(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return flat


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
            raise _unknown(key, fields, where)
        if key in tables and value is None and fields[key].default is None:
            arguments[key] = None
        elif key in tables:
            arguments[key] = build(tables[key], value, {}, f"{where}.{key}")
        elif isinstance(fields[key].default, tuple):
            # a single number will do, and the dataclass refuses anything else
            arguments[key] = tuple(value) if isinstance(value, list) else value
        else:
            arguments[key] = value
    return cls(**arguments)
