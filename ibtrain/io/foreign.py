"""What comes from a file, and so from anyone."""

from collections.abc import Iterator
from contextlib import contextmanager

from ibtrain.errors import IBTrainError, RunFolderError

__all__ = ["foreign"]


@contextmanager
def foreign(given: str, expected: str, where: str) -> Iterator[None]:
    """Tells in a line that something does not fit where it is used.

    Args:
        given: What it is.
        expected: What would have fitted.
        where: What held it.

    Raises:
        RunFolderError: What is done within fails.
    """
    try:
        yield
    except RunFolderError:
        raise
    except (
        ArithmeticError, AttributeError, IBTrainError, LookupError, RuntimeError, TypeError, ValueError,
    ) as error:  # fmt: skip
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise RunFolderError(f"{given} that does not fit ({reason})", expected, where) from error
