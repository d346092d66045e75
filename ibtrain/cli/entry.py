"""The ``ibtrain`` program: answers Ctrl-C from its first line on, then starts the command line."""

import os
import signal
from contextlib import suppress
from types import FrameType
from typing import NoReturn

__all__ = ["main"]

_IMPORT_SYSTEM = "<frozen importlib._bootstrap>"


def main() -> None:
    """Runs the command line on the process's arguments, and exits."""
    # a shell has its background jobs ignore Ctrl-C
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        # imported here, because it takes a while
        from ibtrain.cli.main import cli

        cli()
    except KeyboardInterrupt:
        _leave(signal.SIGINT)
    finally:
        # Python's own shutdown would print a traceback
        if signal.getsignal(signal.SIGINT) is _interrupt:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Ends the process while a module is imported; else raises ``KeyboardInterrupt``.

    An import that is interrupted may turn the exception into any other, and has nothing to clean up.
    """
    while frame is not None:
        if frame.f_code.co_filename == _IMPORT_SYSTEM:
            _leave(number)
        frame = frame.f_back
    raise KeyboardInterrupt


def _leave(number: int) -> NoReturn:
    with suppress(OSError):
        os.write(2, b"Error: interrupted\n")
    os._exit(128 + number)
