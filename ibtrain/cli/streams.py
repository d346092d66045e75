"""Makes standard output and standard error safe to write to, even if they are closed, full or broken."""

import codecs
import io
import os
import select
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import click

from ibtrain.errors import IBTrainError
from ibtrain.text import printable

__all__ = ["echo", "echo_path", "say", "standard_streams", "text_width"]

_ENCODING_ERRORS = "ibtrain.plain"
_PLAIN = {"±": "+-", "×": "x", "σ": "sigma", "β": "beta"}
"""Replacements for the non-ASCII characters in this package's texts."""


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Error handler for encoding: replaces each character, or escapes it as ``\\xe9``."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    replaced = (_PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in characters)
    return "".join(replaced), error.end


codecs.register_error(_ENCODING_ERRORS, _plain)


class _Output(io.FileIO):
    """A file descriptor that raises at most one error: after a failed write, all data are dropped.

    Otherwise the data left in the buffers would raise a second error when Python exits.

    Args:
        descriptor: The descriptor; it is left open.
        name: Name of the stream, for the error.
        may_fail: Whether a failed write is ignored.
    """

    def __init__(self, descriptor: int, name: str, *, may_fail: bool) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._stream_name = name
        self._may_fail = may_fail
        self._failed = False

    def write(self, data: Any, /) -> int:
        """Writes some of the bytes.

        Raises:
            BrokenPipeError: If the reader of the pipe has closed it.
            IBTrainError: If the bytes can't be written for another reason.
        """
        if self._failed:
            return len(data)
        try:
            written = super().write(data)
            while written is None:
                # the descriptor is in non-blocking mode, which the process at the other end may have set
                select.select([], [self], [])
                written = super().write(data)
        except OSError as error:
            self._failed = True
            if self._may_fail:
                return len(data)
            if isinstance(error, BrokenPipeError):
                raise
            message = f"{self._stream_name} can't be written: {error.strerror}"
            raise IBTrainError(message) from error
        return written


@contextmanager
def standard_streams() -> Iterator[None]:
    """Makes the process's standard streams safe to write to within the block.

    Characters that a stream's encoding lacks are replaced. Failed writes to standard error, which
    carries only progress and messages, are ignored. Standard output carries results: the first
    failed write raises an error. Streams that replace ``sys.stdout`` or ``sys.stderr``, such as those of
    tests, are left unchanged.
    """
    _open_closed_descriptors()
    before = sys.stdout, sys.stderr
    if sys.stdout is None or sys.stdout is sys.__stdout__:
        sys.stdout = _text_stream(sys.stdout, _Output(1, "standard output", may_fail=False))
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        sys.stderr = _text_stream(sys.stderr, _Output(2, "standard error", may_fail=True))
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stdout, sys.stderr = before


def _open_closed_descriptors() -> None:
    """Opens standard descriptors that are closed, so that no other file gets their numbers.

    They are opened for reading, so that writing to them fails, as on a closed descriptor.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # open() uses the lowest free number, which is this one
            os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)


def _text_stream(stream: TextIO | None, output: _Output) -> TextIO:
    if stream is not None:
        stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(output),
        encoding=stream.encoding if stream is not None else "utf-8",
        errors=_ENCODING_ERRORS,
        line_buffering=True,
    )


def echo(text: str) -> None:
    """Prints a result to standard output.

    Raises:
        IBTrainError: If the result can't be written.
    """
    # not click.echo, which writes UTF-8 to a stream whose encoding is ASCII
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def echo_path(path: Path) -> None:
    """Prints the path of a file that was written: as bytes, so that any file name can be piped.

    Args:
        path: The path.
    """
    click.echo(printable(str(path)) if sys.stdout.isatty() else os.fsencode(path))


def text_width() -> int | None:
    """Number of characters in a line of the terminal; None if standard output is a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def say(text: str) -> None:
    """Prints a message or progress to standard error; a failed write is ignored.

    Args:
        text: The message; its unprintable characters are escaped.
    """
    with suppress(OSError):
        sys.stderr.write(printable(text) + "\n")
        sys.stderr.flush()
