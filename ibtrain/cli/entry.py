"""The ``ibtrain`` program: handles Ctrl-C from the start, then runs the command line."""

import os
import signal
from contextlib import suppress
from types import FrameType
from typing import NoReturn

__all__ = ["main"]

_IMPORT_SYSTEM = "<frozen importlib._bootstrap>"


def main() -> None:
    """Runs the command line with the process's arguments, and exits."""
    # background jobs of a shell ignore Ctrl-C, and must continue to ignore it
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        # imported here, because the import takes time
        from ibtrain.cli.main import cli

        cli()
    except KeyboardInterrupt:
        _exit(signal.SIGINT)
    finally:
        # Python's own shutdown would print a traceback
        if signal.getsignal(signal.SIGINT) is _interrupt:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Exits at once during the import of a module, and raises ``KeyboardInterrupt`` otherwise.

    An interrupted import may turn the exception into another one, and needs no clean-up.
    """
    while frame is not None:
        if frame.f_code.co_filename == _IMPORT_SYSTEM:
            _exit(number)
        frame = frame.f_back
    raise KeyboardInterrupt


def _exit(number: int) -> NoReturn:
    with suppress(OSError):
        os.write(2, b"Error: interrupted\n")
    os._exit(128 + number)
