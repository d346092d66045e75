"""Checks that a file or an option does not ask for more memory than there is."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from ibtrain.errors import InvalidInputError, OutOfMemoryError

__all__ = [
    "COPY_SHARE",
    "MEMORY_SHARE",
    "check_memory",
    "fits_memory",
    "host_memory",
    "memory_advice",
]

MEMORY_SHARE = 0.5
"""Share of the memory that one array may take: data that are read are copied at least once."""
COPY_SHARE = 1 / 8
"""Share of the memory that one of several copies of samples may take, which exist at once."""
CGROUPS = Path("/sys/fs/cgroup")
PROCESS = Path("/proc/self")
LIMITS = ((resource.RLIMIT_AS, 0), (resource.RLIMIT_DATA, 5))
"""Limits of a process, and the field of ``/proc/self/statm`` that counts pages towards each."""


def host_memory() -> int:
    """Largest number of bytes of memory that this process may have.

    It is the machine's memory, or less if a container (a control group) or a limit (``ulimit``) allows less.
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
            # in a container the path may be the host's, of which only the root exists
            group = PurePosixPath(path)
            for directory in (group, *group.parents):
                with suppress(OSError, ValueError):
                    # without a limit the file holds the word "max", or a number larger than any memory
                    limits.append(int((root / str(directory).lstrip("/") / name).read_text()))
    return limits


def _process_limits() -> list[int]:
    """Bytes that are left of the process's own limits."""
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


def fits_memory(size: int, share: float = MEMORY_SHARE) -> bool:
    """Whether so many bytes are at most a share of the memory that this process may have."""
    return size <= int(share * host_memory())


def check_memory(size: int, given: str, error: type[InvalidInputError], where: str) -> None:
    """Checks that memory suffices before it is allocated.

    Args:
        size: Number of bytes.
        given: What takes them, in words.
        error: Class of the error.
        where: The file or the option that asks for them.

    Raises:
        InvalidInputError: If they are more than half of the memory that this process may have.
    """
    if not fits_memory(size):
        limit = int(MEMORY_SHARE * host_memory())
        expected = f"at most {limit} bytes, half of the memory that this process may have"
        raise error(f"{given} of {size} bytes", expected, where)


@contextmanager
def memory_advice(where: str, lower: str) -> Iterator[None]:
    """Tells which settings to lower if memory runs out within the block.

    Args:
        where: What the block does, in words.
        lower: The settings on which its memory depends.

    Raises:
        OutOfMemoryError: If memory runs out.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # torch has errors of its own, whose names differ by device
        message = str(error).lower()
        signs = ("out of memory", "allocate memory", "not enough memory")
        if not isinstance(error, MemoryError) and not any(sign in message for sign in signs):
            raise
        raise OutOfMemoryError(f"{where}: out of memory; lower {lower}") from error
