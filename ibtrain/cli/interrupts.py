"""Ctrl-C, SIGTERM and SIGHUP while a run trains: the first finishes the current step, the second quits at once."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from types import FrameType

from ibtrain.errors import InterruptedRunError, LostProcessError

__all__ = ["graceful", "ignored", "immediate", "interruptible"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_MESSAGE = b"\nFinishing the current step; press Ctrl-C again to quit now.\n"


@contextmanager
def graceful(stop: Callable[[int], None], *, is_quiet: bool = False) -> Iterator[None]:
    """Turns the first signal within the block into a call of ``stop``, and the next one into ``KeyboardInterrupt``.

    Args:
        stop: Called with the number of the signal.
        is_quiet: Say nothing about it.
    """

    def stop_first(number: int, frame: FrameType | None) -> None:
        del frame
        stop(number)
        for caught in _caught_signals():
            signal.signal(caught, _raise)
        if is_quiet:
            return
        # not print, which the signal may have interrupted; stderr may be closed, because Ctrl-C also
        # ends the process that it is piped to
        with suppress(OSError):
            os.write(2, _MESSAGE)

    with _handled(stop_first):
        yield


@contextmanager
def immediate() -> Iterator[None]:
    """Turns any of the signals within the block into ``KeyboardInterrupt``, with the signal as its argument."""
    with _handled(_raise):
        yield


def ignored() -> AbstractContextManager[None]:
    """Ignores the signals within the block, because another process acts on them."""
    return _handled(signal.SIG_IGN)


@contextmanager
def interruptible(continuation: str) -> Iterator[None]:
    """Turns an interruption within the block into an error that says how to continue.

    Args:
        continuation: The command that continues what was interrupted.

    Raises:
        InterruptedRunError: After an interruption.
        LostProcessError: If a process that helps to train has ended.
    """
    try:
        with immediate():
            yield
    except (InterruptedRunError, KeyboardInterrupt) as error:
        number = (
            error.signal
            if isinstance(error, InterruptedRunError)
            else (*error.args, signal.SIGINT)[0]
        )
        raise InterruptedRunError(number, continuation) from error
    except LostProcessError as error:
        raise LostProcessError(continuation) from error


def _raise(number: int, frame: FrameType | None) -> None:
    del frame
    raise KeyboardInterrupt(number)


def _caught_signals() -> list[signal.Signals]:
    """The signals, without SIGHUP if it is ignored, as `nohup` does so that a run survives its terminal."""
    is_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return [number for number in _SIGNALS if number != signal.SIGHUP or not is_ignored]


@contextmanager
def _handled(
    handler: Callable[[int, FrameType | None], None] | signal.Handlers,
) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _caught_signals()}
    try:
        yield
    finally:
        for number, old_handler in before.items():
            signal.signal(number, old_handler)
