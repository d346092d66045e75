"""How much memory there is, so that a file or an option can't ask for more."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ibtrain.errors import InvalidInputError, OutOfMemoryError

__all__ = ["check_memory", "host_memory", "memory_advice"]

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


@contextmanager
def memory_advice(where: str, lower: str) -> Iterator[None]:
    """Says what to lower where memory runs out.

    Args:
        where: What is done within.
        lower: The settings that it takes its memory by.

    Raises:
        OutOfMemoryError: It ran out.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # torch has its own errors, whose names differ by device
        told = str(error).lower()
        is_memory = isinstance(error, MemoryError) or "out of memory" in told
        if not is_memory and "allocate memory" not in told and "not enough memory" not in told:
            raise
        raise OutOfMemoryError(f"{where}: out of memory; lower {lower}") from error
