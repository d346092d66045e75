"""Exceptions that ibtrain raises on purpose, any other exception is a bug; and its warnings."""

import sys
import warnings
from typing import Any

from ibtrain.text import abridged, printable

__all__ = [
    "ConfigError",
    "DataError",
    "IBTrainError",
    "IBTrainWarning",
    "InterruptedRunError",
    "InvalidInputError",
    "LostProcessError",
    "ModelError",
    "NonFiniteError",
    "OutOfMemoryError",
    "RunFolderError",
    "UnreadableError",
    "warn",
]


MAX_GIVEN_LENGTH = 300
"""Maximum number of characters of an invalid value that a message quotes."""
MAX_MESSAGE_LENGTH = 1500
"""Maximum number of characters of a message, which may quote a file from an untrusted source."""
WRAPPERS = ("ibtrain", "contextlib", "functools", "jaxtyping", "torch")
"""Packages whose functions may be between a warning and the user's line, the last ones as decorators and contexts."""


class IBTrainWarning(UserWarning):
    """Warns of a problem that ibtrain could work around."""

    def __init__(self, message: str = "") -> None:
        super().__init__(abridged(printable(message), MAX_MESSAGE_LENGTH))


def warn(message: str) -> None:
    """Gives an :class:`IBTrainWarning` that points to the user's line, which called the package.

    Args:
        message: What happened, in one sentence.
    """
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in WRAPPERS:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, IBTrainWarning, stacklevel=level)


class IBTrainError(Exception):
    """Base class of all deliberate errors.

    ``exit_code`` is the exit code of the command line: 1 for a run that failed, 2 for a mistake
    that the user can correct. Unprintable characters in the message are escaped, and the middle of a very
    long message is left out.
    """

    exit_code = 1
    met_by_all = False
    """Whether all processes that train together meet it, so that the first one alone tells the user."""

    def __init__(self, message: str = "") -> None:
        super().__init__(abridged(printable(message), MAX_MESSAGE_LENGTH))

    def __reduce__(self) -> tuple[Any, ...]:
        # another process makes it again: by its message, which is not the argument of every class
        return _made_again, (type(self), self.args), vars(self)


def _made_again(kind: type[IBTrainError], args: tuple[Any, ...]) -> IBTrainError:
    return kind.__new__(kind, *args)


class InvalidInputError(IBTrainError, ValueError):
    """An input is invalid; the message names the value, the expected value, and its place.

    Args:
        given: The invalid value, in a form that the user recognises.
        expected: Description of the valid values.
        where: The option, field, file or argument that holds the value.
    """

    exit_code = 2

    def __init__(self, given: object, expected: str, where: str) -> None:
        text = str(given)
        text = text if len(text) <= MAX_GIVEN_LENGTH else f"{text[:MAX_GIVEN_LENGTH]}..."
        # the expectation may quote an error message of several lines
        expected_line = " ".join(expected.split())
        super().__init__(f"{where}: got {text}, expected {expected_line}")
        self.given = given
        self.expected = expected
        self.where = where

    def __reduce__(self) -> tuple[Any, ...]:
        # by its arguments, as another process has to make it again; the invalid value may be of any kind
        return type(self), (str(self.given), self.expected, self.where)


class ConfigError(InvalidInputError):
    """A setting is unknown, of the wrong type, or out of range."""


class DataError(InvalidInputError):
    """Samples or labels are missing, invalid, or can't be downloaded."""


class ModelError(InvalidInputError):
    """A model can't be trained as a sequence of blocks."""


class RunFolderError(InvalidInputError):
    """A run's folder can't be read or written."""


class LockedError(RunFolderError):
    """Another process holds a lock."""


class UnreadableError(DataError, RunFolderError):
    """A file can't be read now, because of its permissions, an I/O error, or too little memory.

    Its content was not checked and may be valid.
    """


class NonFiniteError(IBTrainError):
    """A loss or a bound became NaN or infinite during training, or a value to be saved is NaN or infinite."""

    # losses and metrics are the same in all processes
    met_by_all = True


class OutOfMemoryError(IBTrainError):
    """The device has too little memory for the training."""


class LostProcessError(IBTrainError):
    """Another process of torchrun has ended, or does not answer.

    Args:
        command: Command that continues the training, if there is one.
    """

    def __init__(self, command: str = "") -> None:
        advice = f" Continue with: {command} (with or without torchrun)" if command else ""
        super().__init__(f"Another process of torchrun has ended, or does not answer.{advice}")


class InterruptedRunError(IBTrainError):
    """A signal stopped the training at a point from which it can continue.

    Args:
        signal: Number of the signal; the exit code is 128 plus this number, as in a shell.
        command: Shell command that continues the run, if there is one.
    """

    def __init__(self, signal: int, command: str = "") -> None:
        advice = f" Continue with: {command}" if command else ""
        super().__init__(f"Interrupted.{advice}")
        self.signal = signal
        self.exit_code = 128 + signal
