"""Declares an option to click: type, help and default, from the dataclass field that the option sets."""

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields
from typing import Any, get_args

import click

from ibtrain.config import METHODS, MODELS, OBJECTIVES, OptimConfig, PlaneConfig, RunConfig
from ibtrain.config.recipes import VALIDATION_SHARE, plane_recipe, recipe
from ibtrain.config.run import TABLES
from ibtrain.text import hint

__all__ = ["CommaSeparated", "NearChoice", "declaration", "keywords"]

MAX_SPAN = 20
"""Most numbers that are written out in the message on a range, such as 0-2."""
METAVARS = {
    "batch_size": "INTEGER|full",
    "channels": "INT,...|NAME",
    "data_root": "DIR",
    "dataset": "NAME",
    "hidden": "INT,...|NAME",
    "name": "NAME",
    "target": "COLUMN",
}


class CommaSeparated(click.ParamType[tuple[float, ...]]):
    """Comma-separated numbers, such as ``500,256``.

    Args:
        kind: Type of a number.
        has_auto: Whether ``auto`` stands for no number.
    """

    def __init__(self, kind: type[int] | type[float], *, has_auto: bool = False) -> None:
        self.kind = kind
        self.has_auto = has_auto
        self.name = ("INT,..." if kind is int else "FLOAT,...") + "|auto" * has_auto

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        if self.has_auto and value == "auto":
            return ()
        try:
            return tuple(self.kind(number) for number in value.split(","))
        except ValueError:
            kind = "whole numbers" if self.kind is int else "numbers"
            auto = ", or auto" * self.has_auto
            span = re.fullmatch(r"(\d{1,4})-(\d{1,4})", value) if self.kind is int else None
            numbers = range(int(span[1]), int(span[2]) + 1) if span else range(0)
            if 1 < len(numbers) <= MAX_SPAN:
                auto += f": {','.join(map(str, numbers))}"
            self.fail(f"got {value!r}, expected {kind} separated by commas{auto}", param, ctx)


class CommaSeparatedWords(click.ParamType[tuple[str, ...]]):
    """Comma-separated words, such as ``channel,probe``."""

    name = "NAME,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return tuple(value.split(",")) if isinstance(value, str) else value


class Named(click.ParamType[Any]):
    """The name of a value, such as ``full``, or a value.

    Args:
        names: Values by name.
        plain: Type of a value without a name.
    """

    def __init__(self, names: Mapping[str, Any], plain: click.ParamType[Any]) -> None:
        self.names = names
        self.plain = plain
        self.name = plain.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value in self.names:
            return self.names[value]
        try:
            return self.plain.convert(value, param, ctx)
        except click.BadParameter as error:
            message = f"{error.message.removesuffix('.')}, or {', '.join(self.names)}"
            raise click.BadParameter(message, ctx, param) from error


class NearChoice(click.Choice[str]):
    """One of several words, with - or _ between their parts; the error names the most similar one."""

    def normalize_choice(self, choice: object, ctx: click.Context | None) -> str:
        return super().normalize_choice(choice, ctx).replace("_", "-")

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        message = super().get_invalid_choice_message(value, ctx)
        return message.removesuffix(".") + hint(value, self.choices)


class DatasetName(click.ParamType[str]):
    """The name of a data set, in upper or lower case, with - or _ between words, or the path of one."""

    name = "NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        # a path stays as it is
        is_name = re.fullmatch(r"[\w-]+", value)
        return value.lower().replace("_", "-") if is_name else value


def keywords(setting: str) -> dict[str, Any]:
    """Returns the keyword arguments of ``click.option`` for a setting.

    Args:
        setting: Dotted name of the setting, such as ``plane.points``; ``optim.`` stands for both methods.
    """
    table, _, key = setting.rpartition(".")
    owner = OptimConfig if table == "optim" else TABLES[table] if table else RunConfig
    field = next(candidate for candidate in fields(owner) if candidate.name == key)
    default = _default_text(table, field)
    text = _summary(owner, key) + (f"  [{default}]" if default else "")
    if isinstance(field.default, bool):
        # a flag that is not given does not change the setting
        return {"is_flag": True, "default": None, "help": text}
    metavar = METAVARS.get(key)
    return {"type": _type(field), "help": text, **({"metavar": metavar} if metavar else {})}


def _type(field: Field[Any]) -> Any:
    if "names" in field.metadata:
        return Named(field.metadata["names"], click.types.convert_type(_plain_type(field)))
    return _plain_type(field)


def _plain_type(field: Field[Any]) -> Any:
    choices = field.metadata.get("choices")
    if field.name == "dataset":
        return DatasetName()
    if choices is OBJECTIVES or choices is MODELS:
        # names may be registered later: the settings check them
        return str
    if choices is not None:
        return NearChoice(tuple(choices), case_sensitive=False)
    if isinstance(field.default, tuple):
        kind = get_args(field.type)[0]
        # a single number may stand for a tuple of one
        kind = get_args(kind)[0] if get_args(kind) else kind
        if kind is str:
            return CommaSeparatedWords()
        return CommaSeparated(kind, has_auto=not field.default)
    # of a setting that is None by default, such as `int | None`
    return get_args(field.type)[0] if field.default is None else type(field.default)


def _summary(owner: type[Any], key: str) -> str:
    """The first sentence about a field in the docstring of its dataclass, without markup."""
    # python -OO removes docstrings, and the help with them
    lines = inspect.cleandoc(owner.__doc__ or "").partition("Args:")[2].splitlines()
    text, is_in_entry = [], False
    for line in lines:
        entry = re.match(r" {4}(\w+): ", line)
        is_in_entry = entry.group(1) == key if entry else is_in_entry
        if is_in_entry:
            text.append(line.strip())
    words = " ".join(text).removeprefix(f"{key}: ").replace("``", "")
    return words.partition(". ")[0].removesuffix(".") + "." if words else ""


def _default_text(table: str, field: Field[Any]) -> str:
    """The default, with the defaults of each method and of the digits if they differ."""
    name = field.name
    if name == "validation":
        return f"0, or {VALIDATION_SHARE:g} with --patience"
    if table == "optim":
        first, second = (
            (getattr(recipe(method, ""), name), getattr(recipe(method, "digits"), name))
            for method in METHODS
        )
        if first == second:
            return _both_defaults(*first, "; ")
        return (
            f"layer-wise {_both_defaults(*first, ', ')}; end-to-end {_both_defaults(*second, ', ')}"
        )
    if table == "plane":
        default, of_digits = getattr(PlaneConfig(), name), getattr(plane_recipe("digits"), name)
        return _both_defaults(default, of_digits, "; ")
    if isinstance(field.default, bool):
        return "on" if field.default else ""
    return "" if field.default in (None, MISSING) else _text(field.default)


def declaration(setting: str, flag: str) -> str:
    """Returns the declaration of an option, with a flag that switches its setting off if it is on by default.

    Args:
        setting: Dotted name of the setting.
        flag: The option, such as ``--average-scores``.
    """
    table, _, key = setting.rpartition(".")
    is_on = getattr(TABLES.get(table, RunConfig), key, None) is True
    return f"{flag}/--no-{flag.removeprefix('--')}" if is_on else flag


def _both_defaults(default: object, of_digits: object, separator: str) -> str:
    digits_text = "" if of_digits == default else f"{separator}digits {_text(of_digits)}"
    return _text(default) + digits_text


def _text(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
