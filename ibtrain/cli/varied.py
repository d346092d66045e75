"""The values of a setting that varies, as they are typed."""

from typing import Any

import click

from ibtrain.cli.declared import keywords
from ibtrain.cli.options import setting_of
from ibtrain.config.space import Range

__all__ = ["Varied"]


class Varied(click.ParamType[tuple[str, list[Any] | Range]]):
    """A setting and its values, such as ``beta=0,1e-3`` or ``hidden=[500,256],[100,40]``, or a range: ``lr=1e-4..1e-2:log``."""

    name = "SETTING=VALUE,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        key, equals, text = value.partition("=")
        if not equals:
            self.fail(f"got {value!r}, expected SETTING=VALUE,... such as beta=0,1e-3", param, ctx)
        setting = setting_of(key)
        kind = click.types.convert_type(keywords(setting).get("type", bool))
        span = Range.parse(text, is_integer=is_whole(setting))
        if span:
            return setting, span
        try:
            return setting, [kind.convert(word, param, ctx) for word in _words(text)]
        except click.BadParameter as error:
            self.fail(f"{key}: {error.message}", param, ctx)


def is_whole(setting: str) -> bool:
    """Whether a setting is a whole number.

    Args:
        setting: Its dotted name.
    """
    kind = keywords(setting).get("type", bool)
    return kind is int or getattr(getattr(kind, "plain", None), "name", "") == "integer"


def _words(text: str) -> list[str]:
    """The words between commas; commas within brackets belong to a word, and its brackets are removed."""
    words, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == "," and depth == 0:
            words.append("")
        elif character not in "[]":
            words[-1] += character
    return words
