"""What must be the same in all processes that train together."""

from typing import Any

from ibtrain.backend.exchange import from_first
from ibtrain.config import difference
from ibtrain.errors import ConfigError

__all__ = ["check_alike"]


def check_alike(settings: dict[str, Any], where: str) -> None:
    """Checks that a process has the settings of the first one.

    Args:
        settings: Settings by name, which may be nested.
        where: What has them, for the message.

    Raises:
        ConfigError: If one differs.
    """
    change = difference(from_first(settings), settings)
    if change:
        place, first, other = change
        raise ConfigError(f"{place} {other}", f"{first}, as in the first process", where)
