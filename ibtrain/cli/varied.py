"""The values of a setting that varies, as they are typed."""

import re
from typing import Any

import click

from ibtrain.cli.declared import keywords
from ibtrain.cli.options import setting_of
from ibtrain.config.space import Range
from ibtrain.errors import ConfigError

__all__ = ["Varied"]


_WORD = r"(?:\[[^\[\]]*\]|[^\[\],]*)"
"""A value, or a list of values in brackets."""


class Varied(click.ParamType[tuple[str, list[Any] | Range]]):
    """A setting and its values, such as ``beta=0,1e-3`` or ``hidden=[500,256],[100,40]``, or a range: ``lr=1e-4..1e-2:log``."""

    name = "SETTING=VALUE,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        key, equals, text = value.partition("=")
        if not equals:
            self.fail(f"got {value!r}, expected SETTING=VALUE,... such as beta=0,1e-3", param, ctx)
        setting = setting_of(key)
        kind = click.types.convert_type(keywords(setting).get("type", bool))
        try:
            span = Range.parse(text, is_integer=is_whole(setting))
            if span:
                return setting, span
            return setting, [kind.convert(word, param, ctx) for word in _words(text)]
        except click.BadParameter as error:
            self.fail(f"{key}: {error.message}", param, ctx)
        except ConfigError as error:
            raise ConfigError(error.given, error.expected, f"--vary {key}") from error


def is_whole(setting: str) -> bool:
    """Whether a setting is a whole number.

    Args:
        setting: Its dotted name.
    """
    kind = keywords(setting).get("type", bool)
    return kind is int or getattr(getattr(kind, "plain", None), "name", "") == "integer"


def is_real(setting: str) -> bool:
    """Whether a setting is a number that need not be whole, or a list of them.

    Args:
        setting: Its dotted name.
    """
    kind = keywords(setting).get("type", bool)
    plain = getattr(kind, "plain", kind)
    return float in (kind, getattr(kind, "kind", None)) or getattr(plain, "name", "") == "float"


def as_numbers(value: Any) -> Any:
    """A number of a file as the command line has it, 0 as 0.0; also in lists.

    Args:
        value: The number, or a list of numbers; anything else stays as it is.
    """
    if isinstance(value, list):
        return [as_numbers(entry) for entry in value]
    return float(value) if type(value) is int else value


def _words(text: str) -> list[str]:
    """The words between commas; a word that is a list has brackets, which are removed.

    Raises:
        ConfigError: If a bracket has no counterpart, or if lists are in lists.
    """
    if not re.fullmatch(rf"{_WORD}(,{_WORD})*", text):
        expected = "values separated by commas, each list in brackets: [500,256],[100,40]"
        raise ConfigError(repr(text), expected, "vary")
    # at commas that no closing bracket follows without an opening one
    return [word.strip("[]") for word in re.split(r",(?![^\[]*\])", text)]
