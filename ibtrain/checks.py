"""Checks of settings; each raises a :class:`~ibtrain.errors.ConfigError` that says what is valid."""

import math
import sys
from dataclasses import is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ibtrain.errors import ConfigError
from ibtrain.text import hint

__all__ = [
    "ENGINES",
    "LARGEST_FLOAT32",
    "MAX_LAYERS",
    "MAX_NAME",
    "MAX_WORKERS",
    "check_choice",
    "check_engine",
    "check_fields",
    "check_integer",
    "check_number",
    "check_per_block",
    "check_sequence",
    "check_share",
]

MAX_INT64 = 2**63 - 1
"""Largest 64-bit integer: the type of a tensor's sizes and of a generator's seed."""
MAX_WORKERS = 1024
"""Maximum number of processes that share the work of a command."""
ENGINES = ("local", "ray")
"""Where the further processes of a sweep run: on this machine, or on a Ray cluster."""
MAX_LAYERS = 256
"""Maximum number of hidden layers: building, plotting and printing a deeper network takes minutes."""
MAX_NAME = 1000
"""Maximum number of characters of a layer's name, which tables and figures show."""
LARGEST_FLOAT32 = 2.0**128
"""Upper limit of float32: measured values lie below it, and plotted values must, or axes overflow."""


def check_number(
    where: str, value: object, low: float = -math.inf, *, above: float = -math.inf
) -> None:
    """Checks that a value is a finite number that is at least ``low`` and greater than ``above``."""
    bound = f" of {low:g} or more" if low > -math.inf else ""
    bound = f" above {above:g}" if above > -math.inf else bound
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # compared with the largest float instead of infinity: an int can lie between the two
    max_float = sys.float_info.max
    if not is_number or not max(low, -max_float) <= value <= max_float or value <= above:  # type: ignore[operator]
        raise ConfigError(repr(value), f"a finite number{bound}", where)


def check_share(where: str, value: object, *, excluded: tuple[float, ...] = ()) -> None:
    """Checks that a value is a number from 0 to 1, and none of those excluded."""
    check_number(where, value)
    if not 0 <= value <= 1 or value in excluded:  # type: ignore[operator]
        exception = "".join(f", but not {number:g}" for number in excluded)
        raise ConfigError(repr(value), f"a number from 0 to 1{exception}", where)


def check_integer(where: str, value: object, low: int, high: int = MAX_INT64) -> None:
    """Checks that a value is a whole number from ``low`` to ``high``."""
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ConfigError(repr(value), f"a whole number of {low} or more", where)
    if value > high:
        raise ConfigError(repr(value), f"a whole number of {high} or less", where)


def check_flag(where: str, value: object) -> None:
    """Checks that a setting is true or false.

    Raises:
        ConfigError: If it is something else.
    """
    if not isinstance(value, bool):
        raise ConfigError(repr(value), "true or false", where)


def check_choice(where: str, value: object, choices: tuple[str, ...]) -> None:
    """Checks that a value is one of the choices."""
    if value not in choices:
        raise ConfigError(repr(value), "one of " + ", ".join(choices) + hint(value, choices), where)


def check_engine(engine: object, workers: int) -> None:
    """Checks the engine of a sweep, and that it has a process to run."""
    check_choice("engine", engine, ENGINES)
    if engine == "ray" and workers == 1:
        raise ConfigError("ray with 1 worker", "2 workers or more", "engine")


def check_per_block(where: str, values: object, low: float) -> None:
    """Checks a tuple of one number, or of one number for each block; each is at least ``low``."""
    if not isinstance(values, tuple):
        raise ConfigError(repr(values), "a number, or a tuple of one number for each block", where)
    if not values:
        raise ConfigError("nothing", "one number, or one number for each block", where)
    if len(values) > MAX_LAYERS + 1:
        raise ConfigError(f"{len(values)} values", f"at most {MAX_LAYERS + 1}", where)
    for value in values:
        check_number(where, value, low)


def check_sequence(where: str, values: object) -> None:
    """Checks that values are a tuple or a list."""
    if not isinstance(values, tuple | list):
        raise ConfigError(repr(values), "a list or a tuple", where)


def check_fields(where: str, record: Any) -> None:
    """Checks the fields of a dataclass that was created from a file against their type annotations.

    A ``float`` may be infinite: files can't contain infinity, so it must be a default.
    """
    for name, kind in get_type_hints(type(record)).items():
        _check_kind(f"{where}.{name}", getattr(record, name), kind)


def _check_kind(where: str, value: Any, kind: Any) -> None:
    kinds = get_args(kind)
    if get_origin(kind) is Literal:
        check_choice(where, value, kinds)
    elif get_origin(kind) is tuple and isinstance(value, tuple):
        for item in value:
            _check_kind(where, item, kinds[0])
    elif get_origin(kind) is dict and isinstance(value, dict):
        for key, item in value.items():
            _check_kind(f"{where}.{key}", item, kinds[1])
    elif is_dataclass(kind) and type(value) is kind:
        check_fields(where, value)
    elif type(None) in kinds:
        if value is not None:
            _check_kind(where, value, kinds[0])
    elif kind is int:
        check_integer(where, value, -MAX_INT64)
    elif kind in (float, int | float) and value != math.inf:
        check_number(where, value)
        if abs(value) >= LARGEST_FLOAT32:
            raise ConfigError(repr(value), "a number that float32 can hold", where)
    elif kind not in (float, int | float) and (kind is not str or not isinstance(value, str)):
        raise ConfigError(repr(value), str(kind), where)
