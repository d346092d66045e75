"""The errors that ibtrain raises on purpose; anything else that escapes is a bug."""

from ibtrain.text import abridged, printable

__all__ = [
    "ConfigError",
    "DataError",
    "IBTrainError",
    "IBTrainWarning",
    "InterruptedRunError",
    "InvalidInputError",
    "ModelError",
    "NonFiniteError",
    "OutOfMemoryError",
    "RunFolderError",
    "UnreadableError",
]


LONGEST = 300
"""Characters of an offending value that a message repeats."""
LONGEST_MESSAGE = 1500
"""Characters of a message, which may quote a file that anyone made."""


class IBTrainWarning(UserWarning):
    """Something was not as it should be, and could be worked around."""

    def __init__(self, message: str = "") -> None:
        super().__init__(abridged(printable(message), LONGEST_MESSAGE))


class IBTrainError(Exception):
    """Base of every deliberate error.

    ``exit_code`` is what the command line exits with: 1 for a run that failed, 2 for a mistake
    that its user can mend. What isn't printable in its message is escaped, and the middle of a very long one
    is left out.
    """

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(abridged(printable(message), LONGEST_MESSAGE))


class InvalidInputError(IBTrainError, ValueError):
    """Something handed in can't be used: names the value, what was expected, and where.

    Args:
        given: The offending value, as its owner would recognise it.
        expected: What would have been accepted.
        where: The option, field, file or argument that held it.
    """

    exit_code = 2

    def __init__(self, given: object, expected: str, where: str) -> None:
        told = str(given)
        told = told if len(told) <= LONGEST else f"{told[:LONGEST]}..."
        # what was expected may quote an error of several lines
        expected_line = " ".join(expected.split())
        super().__init__(f"{where}: got {told}, expected {expected_line}")
        self.given = given
        self.expected = expected
        self.where = where


class ConfigError(InvalidInputError):
    """A setting is unknown, of the wrong kind, or out of its range."""


class DataError(InvalidInputError):
    """Samples or labels are missing, broken, or can't be fetched."""


class ModelError(InvalidInputError):
    """A model can't be trained as a chain of blocks."""


class RunFolderError(InvalidInputError):
    """A run's folder can't be read or written."""


class UnreadableError(DataError, RunFolderError):
    """A file can't be read now: its permissions, an I/O error, or too little memory.

    Nothing is known about its content, which may be sound.
    """


class NonFiniteError(IBTrainError):
    """A loss or a bound became NaN or infinite during training, or a value to be written is."""


class OutOfMemoryError(IBTrainError):
    """The device has less memory than a training needs."""


class InterruptedRunError(IBTrainError):
    """A training was stopped by a signal, at a point from which it can continue.

    Args:
        signal: Number of the signal, from which a shell's exit code follows.
        command: Shell command that continues the run, if there is one.
    """

    def __init__(self, signal: int, command: str = "") -> None:
        advice = f" Continue with: {command}" if command else ""
        super().__init__(f"Interrupted.{advice}")
        self.signal = signal
        self.exit_code = 128 + signal
