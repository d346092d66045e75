"""What a setting must be; each check raises a :class:`~ibtrain.errors.ConfigError` that says so."""

import math
import sys

from ibtrain.errors import ConfigError

__all__ = ["check_choice", "check_integer", "check_number", "check_per_block"]

LARGEST = 2**63 - 1
"""What a tensor's sizes and a generator's seed are counted in."""


def check_number(
    where: str, value: object, low: float = -math.inf, *, above: float = -math.inf
) -> None:
    """A finite number, of ``low`` or more, or above ``above``."""
    bound = f" of {low:g} or more" if low > -math.inf else ""
    bound = f" above {above:g}" if above > -math.inf else bound
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # compared with the largest float and not with infinity: a whole number can lie between the two
    largest = sys.float_info.max
    if not is_number or not max(low, -largest) <= value <= largest or value <= above:  # type: ignore[operator]
        raise ConfigError(repr(value), f"a finite number{bound}", where)


def check_integer(where: str, value: object, low: int, high: int = LARGEST) -> None:
    """A whole number of ``low`` or more, up to ``high``."""
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ConfigError(repr(value), f"a whole number of {low} or more", where)
    if value > high:
        raise ConfigError(repr(value), f"a whole number of {high} or less", where)


def check_choice(where: str, value: object, choices: tuple[str, ...]) -> None:
    """One of the choices."""
    if value not in choices:
        raise ConfigError(repr(value), "one of " + ", ".join(choices), where)


def check_per_block(where: str, values: tuple[float, ...], low: float) -> None:
    """One number of ``low`` or more, or several: one for each block."""
    if not values:
        raise ConfigError("nothing", "one number, or one for each block", where)
    for value in values:
        check_number(where, value, low)
