"""Standard output and standard error, whatever they are connected to."""

import codecs
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from ibtrain.errors import IBTrainError
from ibtrain.text import printable

__all__ = ["echo", "say", "standard_streams"]

_ENCODING_ERRORS = "ibtrain.plain"
_PLAIN = {"±": "+-", "×": "x", "σ": "sigma", "β": "beta"}
"""Replacements for the characters of this package's own texts that ASCII lacks."""


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Error handler of encoding: replaces each character, or escapes it as ``\\xe9``."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    replaced = (_PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in characters)
    return "".join(replaced), error.end


codecs.register_error(_ENCODING_ERRORS, _plain)


class _Output(io.FileIO):
    """A file descriptor that fails once at most: what is written afterwards is dropped.

    A second failure could only come from what is left in the buffers, when Python exits.

    Args:
        descriptor: The descriptor; it is left open.
        name: The stream's name, for the error.
        may_fail: Whether the stream may be lost without an error.
    """

    def __init__(self, descriptor: int, name: str, *, may_fail: bool) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._stream_name = name
        self._may_fail = may_fail
        self._failed = False

    def write(self, data: Any, /) -> int:
        """Writes some of the bytes.

        Raises:
            BrokenPipeError: If the reader of the pipe has gone.
            IBTrainError: If they can't be written for another reason.
        """
        if self._failed:
            return len(data)
        try:
            written = super().write(data)
            while written is None:
                # the descriptor is in non-blocking mode, which the other end of a pipe can set
                select.select([], [self], [])
                written = super().write(data)
        except OSError as error:
            self._failed = True
            if self._may_fail:
                return len(data)
            if isinstance(error, BrokenPipeError):
                raise
            told = f"{self._stream_name} can't be written: {error.strerror}"
            raise IBTrainError(told) from error
        return written


@contextmanager
def standard_streams() -> Iterator[None]:
    """Makes the process's standard streams safe to write to within the block.

    A character that a stream's encoding lacks is replaced. Standard error may be closed, full or
    broken: it only carries progress and messages. Standard output carries results: where it fails,
    the first write raises an error. Streams that somebody has put in the place of the process's own
    are left alone.
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
    """Opens standard descriptors that are closed, so that no other file can get their numbers.

    They are opened for reading: what is written to them fails, as it does on a closed one.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # the lowest free number, which is this one
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
        IBTrainError: If it can't be written.
    """
    # not by click, which writes UTF-8 to a stream that was asked to be ASCII
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Prints a message or progress to standard error, which may be lost.

    Args:
        text: The message; what isn't printable in it is escaped.
    """
    with suppress(OSError):
        sys.stderr.write(printable(text) + "\n")
        sys.stderr.flush()
