"""Reports errors from untrusted file content in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

from ibtrain.errors import IBTrainError, LostProcessError, RunFolderError

__all__ = ["untrusted"]


@contextmanager
def untrusted(given: str, expected: str, where: str) -> Iterator[None]:
    """Turns errors from untrusted file content into a :class:`RunFolderError`.

    Args:
        given: The content that is read.
        expected: Description of valid content.
        where: The file or folder that holds the content.

    Raises:
        RunFolderError: If the ``with`` block fails.
    """
    try:
        yield
    except (RunFolderError, LostProcessError):
        raise
    except (
        ArithmeticError, AttributeError, IBTrainError, LookupError, RuntimeError, TypeError, ValueError,
    ) as error:  # fmt: skip
        name = "missing key" if type(error) is KeyError else f"{type(error).__name__}:"
        reason = f"{name} {' '.join(str(error).split())}"
        raise RunFolderError(f"{given} that does not fit ({reason})", expected, where) from error
