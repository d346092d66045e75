"""Ctrl-C, SIGTERM and SIGHUP while a run trains: the first finishes the current step, the second quits at once."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

__all__ = ["graceful"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_MESSAGE = b"\nFinishing the current step; press Ctrl-C again to quit now.\n"


@contextmanager
def graceful(stop: Callable[[int], None]) -> Iterator[None]:
    """Turns the first signal within the block into a call, and the next into ``KeyboardInterrupt``.

    Args:
        stop: Called with the signal.
    """

    def first(number: int, frame: FrameType | None) -> None:
        del frame
        stop(number)
        for caught in _answered():
            signal.signal(caught, _raise)
        # not by print: the signal may have come in the middle of another; and stderr may be gone,
        # because a Ctrl-C ends what it is piped to as well
        with suppress(OSError):
            os.write(2, _MESSAGE)

    with _handled(first):
        yield


@contextmanager
def prompt() -> Iterator[None]:
    """Turns any of the signals within the block into ``KeyboardInterrupt``, which says by which."""
    with _handled(_raise):
        yield


def _raise(number: int, frame: FrameType | None) -> None:
    del frame
    raise KeyboardInterrupt(number)


def _answered() -> list[signal.Signals]:
    """The signals but for SIGHUP where it is ignored: `nohup` has runs survive their terminal."""
    is_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return [number for number in _SIGNALS if number != signal.SIGHUP or not is_ignored]


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _answered()}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
