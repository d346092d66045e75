"""The environment variable ``OMP_NUM_THREADS``; torch computes on OpenMP's threads."""

import os

from ibtrain.errors import warn

__all__ = ["MAX_THREADS", "discard_unusable_threads", "environment_threads"]

MAX_THREADS = 1024
"""Largest number: OpenMP ends the process if the system grants fewer threads than were requested."""
_VARIABLE = "OMP_NUM_THREADS"


def environment_threads() -> int | None:
    """The number of threads in ``OMP_NUM_THREADS``, of the outermost level where it lists several.

    Returns:
        The number, or None if the variable is not set or can't be used.
    """
    number = os.environ.get(_VARIABLE, "").split(",")[0].strip()
    if not number.isascii() or not number.isdigit() or len(number) > len(str(MAX_THREADS)):
        return None
    return int(number) if 1 <= int(number) <= MAX_THREADS else None


def discard_unusable_threads() -> None:
    """Removes ``OMP_NUM_THREADS`` from the environment if it can't be used, with a warning.

    It must be called before torch is loaded, because OpenMP reads the variable then.
    """
    if _VARIABLE in os.environ and environment_threads() is None:
        value = os.environ.pop(_VARIABLE)
        message = f"{_VARIABLE}: got {value!r}, expected a whole number from 1 to {MAX_THREADS}"
        warn(f"{message}; it is ignored")
