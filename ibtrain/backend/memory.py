"""How much memory there is, so that a file or an option can't ask for more."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from ibtrain.errors import InvalidInputError, OutOfMemoryError

__all__ = ["check_memory", "host_memory", "memory_advice"]

SHARE = 0.5
"""Of the memory, for one thing: what is read is copied at least once."""
CGROUPS = Path("/sys/fs/cgroup")
PROCESS = Path("/proc/self")
LIMITS = ((resource.RLIMIT_AS, 0), (resource.RLIMIT_DATA, 5))
"""Limits of a process, and the field of ``/proc/self/statm`` that counts pages towards each."""


def host_memory() -> int:
    """Bytes of memory that this process may have, at most.

    The machine's, or less where a container (a control group) or a limit (``ulimit``) allows less.
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_cgroup_limits(), *_process_limits()])


def _cgroup_limits() -> list[int]:
    """The limits of the process's control group and of those around it, of both versions."""
    limits = []
    with suppress(OSError, ValueError):
        for line in (PROCESS / "cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                root, name = CGROUPS, "memory.max"
            elif "memory" in controllers.split(","):
                root, name = CGROUPS / "memory", "memory.limit_in_bytes"
            else:
                continue
            # in a container the path may be that of the host, of which only the root is there
            group = PurePosixPath(path)
            for part in (group, *group.parents):
                with suppress(OSError, ValueError):
                    # no limit is the word "max", or a number that no machine has
                    limits.append(int((root / str(part).lstrip("/") / name).read_text()))
    return limits


def _process_limits() -> list[int]:
    """What is left of the process's own limits."""
    try:
        pages = [int(field) for field in (PROCESS / "statm").read_text().split()]
    except (OSError, ValueError):
        pages = []
    page = os.sysconf("SC_PAGE_SIZE")
    left = []
    for limit, index in LIMITS:
        soft, _ = resource.getrlimit(limit)
        if soft != resource.RLIM_INFINITY:
            used = pages[index] * page if index < len(pages) else 0
            left.append(max(0, soft - used))
    return left


def check_memory(size: int, given: str, error: type[InvalidInputError], where: str) -> None:
    """Bytes that something will take, before they are taken.

    Args:
        size: The bytes.
        given: What takes them.
        error: What to raise.
        where: What asked for them.

    Raises:
        InvalidInputError: They are more than half of the memory that this process may have.
    """
    limit = int(SHARE * host_memory())
    if size > limit:
        expected = f"at most {limit} bytes, half of the memory that this process may have"
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
