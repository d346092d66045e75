"""What click is told of an option, read off the field of the settings that the option sets."""

import inspect
import re
from collections.abc import Sequence
from dataclasses import MISSING, Field, fields
from typing import Any

import click

from ibtrain.config import METHODS, MODELS, OBJECTIVES, OptimConfig, PlaneConfig, RunConfig
from ibtrain.config.recipes import VALIDATION_SHARE, plane_recipe, recipe
from ibtrain.config.run import TABLES

__all__ = ["CommaSeparated", "keywords"]

TYPES_OF_NONE = {"data_root": str, "resize": int}
"""Of settings that are None by default."""
METAVARS = {"data_root": "DIR", "dataset": "NAME", "name": "NAME"}


class CommaSeparated(click.ParamType[tuple[float, ...]]):
    """Comma-separated numbers, such as ``500,256``."""

    def __init__(self, kind: type[int] | type[float]) -> None:
        self.kind = kind
        self.name = "INT,..." if kind is int else "FLOAT,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return tuple(self.kind(part) for part in value.split(","))
        except ValueError:
            kind = "whole numbers" if self.kind is int else "numbers"
            self.fail(f"got {value!r}, expected {kind} separated by commas", param, ctx)


class Words(click.ParamType[tuple[str, ...]]):
    """Comma-separated words, such as ``channel,probe``."""

    name = "NAME,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return tuple(value.split(",")) if isinstance(value, str) else value


def keywords(place: str) -> dict[str, Any]:
    """Click's keywords for an option.

    Args:
        place: The dotted place of the setting; ``optim`` is that of both methods.
    """
    table, _, key = place.rpartition(".")
    owner = OptimConfig if table == "optim" else TABLES[table] if table else RunConfig
    field = next(own for own in fields(owner) if own.name == key)
    default = _default_text(table, field)
    text = _summary(owner, key) + (f"  [{default}]" if default else "")
    if isinstance(field.default, bool):
        # a flag that is not given leaves the setting alone
        return {"is_flag": True, "default": None, "help": _summary(owner, key)}
    metavar = METAVARS.get(key)
    return {"type": _type(field), "help": text, **({"metavar": metavar} if metavar else {})}


def _type(field: Field[Any]) -> Any:
    choices = field.metadata.get("choices")
    if choices is OBJECTIVES or choices is MODELS:
        # names may be added later: the settings check them
        return str
    if choices is not None:
        return click.Choice(tuple(choices))
    if isinstance(field.default, tuple):
        kind = type(field.default[0])
        return Words() if kind is str else CommaSeparated(kind)
    return TYPES_OF_NONE[field.name] if field.default is None else type(field.default)


def _summary(owner: type[Any], key: str) -> str:
    """The first sentence of what a dataclass's docstring says of a field, without its markup."""
    # without docstrings (python -OO) there is no help either
    lines = inspect.cleandoc(owner.__doc__ or "").partition("Args:")[2].splitlines()
    text, is_own = [], False
    for line in lines:
        name = re.match(r" {4}(\w+): ", line)
        is_own = name.group(1) == key if name else is_own
        if is_own:
            text.append(line.strip())
    words = " ".join(text).removeprefix(f"{key}: ").replace("``", "")
    return words.partition(". ")[0].removesuffix(".") + "." if words else ""


def _default_text(table: str, field: Field[Any]) -> str:
    """The default, and where the recipes of the methods or of the digits have another one."""
    name = field.name
    if name == "validation":
        return f"0, or {VALIDATION_SHARE:g} with --patience"
    if table == "optim":
        first, second = (
            (getattr(recipe(method, ""), name), getattr(recipe(method, "digits"), name))
            for method in METHODS
        )
        if first == second:
            return _beside(*first, "; ")
        return f"layer-wise {_beside(*first, ', ')}; end to end {_beside(*second, ', ')}"
    if table == "plane":
        return _beside(getattr(PlaneConfig(), name), getattr(plane_recipe("digits"), name), "; ")
    return "" if field.default in (None, MISSING) else _text(field.default)


def _beside(default: object, of_digits: object, comma: str) -> str:
    other = "" if of_digits == default else f"{comma}digits {_text(of_digits)}"
    return _text(default) + other


def _text(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
