"""How much memory there is, so that a file or an option can't ask for more."""

import os

from ibtrain.errors import InvalidInputError

__all__ = ["check_memory", "host_memory"]

SHARE = 0.5
"""Of the machine's memory, for one thing: what is read is copied at least once."""


def host_memory() -> int:
    """Bytes of memory that the machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def check_memory(size: int, given: str, error: type[InvalidInputError], where: str) -> None:
    """Bytes that something will take, before they are taken.

    Args:
        size: The bytes.
        given: What takes them.
        error: What to raise.
        where: What asked for them.

    Raises:
        InvalidInputError: They are more than half of the machine's memory.
    """
    limit = int(SHARE * host_memory())
    if size > limit:
        expected = f"at most {limit} bytes, half of this machine's memory"
        raise error(f"{given} of {size} bytes", expected, where)
