"""Ranges of settings that a search draws from."""

from dataclasses import dataclass

from ibtrain.checks import check_number
from ibtrain.errors import ConfigError

__all__ = ["SAMPLERS", "Range"]

SAMPLERS = ("tpe", "random", "grid")
"""How a search can choose settings."""


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included.

    Args:
        low: The lowest number.
        high: The highest number.
        is_log: Whether the logarithm is uniform instead of the number.
        is_integer: Whether the numbers are whole.
    """

    low: float
    high: float
    is_log: bool = False
    is_integer: bool = False

    def __post_init__(self) -> None:
        check_number("low", self.low)
        check_number("high", self.high, above=self.low)
        if self.is_log and self.low <= 0:
            raise ConfigError(repr(self.low), "a lowest number above 0 with :log", "low")

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}{':log' * self.is_log}"

    @classmethod
    def parse(cls, text: str, *, is_integer: bool = False) -> "Range | None":
        """Parses ``LOW..HIGH`` or ``LOW..HIGH:log``; None if the text is something else.

        Args:
            text: The text.
            is_integer: Whether the numbers are whole.

        Raises:
            ConfigError: If the range has no number in it.

        Example:
            >>> Range.parse("1e-4..1e-2:log")
            Range(low=0.0001, high=0.01, is_log=True, is_integer=False)
        """
        low, dots, rest = text.partition("..")
        high, _, scale = rest.partition(":")
        if not dots:
            return None
        kind = int if is_integer else float
        try:
            ends = kind(low), kind(high)
        except ValueError as error:
            expected = f"LOW..HIGH or LOW..HIGH:log, with {'whole ' * is_integer}numbers"
            raise ConfigError(repr(text), expected, "range") from error
        if scale not in ("", "log"):
            raise ConfigError(repr(text), "LOW..HIGH or LOW..HIGH:log", "range")
        return cls(*ends, is_log=scale == "log", is_integer=is_integer)
