"""Ctrl-C and SIGTERM while a run trains: the first lets the step in hand end, the second doesn't."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

__all__ = ["graceful"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_MESSAGE = b"\nstopping after the step in hand; once more stops at once\n"


@contextmanager
def graceful(stop: Callable[[int], None]) -> Iterator[None]:
    """Turns the first signal within the block into a call, and the next into ``KeyboardInterrupt``.

    Args:
        stop: Called with the signal.
    """

    def first(number: int, frame: FrameType | None) -> None:
        del frame
        stop(number)
        for each in _SIGNALS:
            signal.signal(each, _raise)
        # not by print: the signal may have come in the middle of another; and stderr may be gone,
        # because a Ctrl-C ends what it is piped to as well
        with suppress(OSError):
            os.write(2, _MESSAGE)

    with _handled(first):
        yield


@contextmanager
def prompt() -> Iterator[None]:
    """Turns either signal within the block into ``KeyboardInterrupt``, which says by which."""
    with _handled(_raise):
        yield


def _raise(number: int, frame: FrameType | None) -> None:
    del frame
    raise KeyboardInterrupt(number)


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = [signal.signal(each, handler) for each in _SIGNALS]
    try:
        yield
    finally:
        for each, earlier in zip(_SIGNALS, before, strict=True):
            signal.signal(each, earlier)
