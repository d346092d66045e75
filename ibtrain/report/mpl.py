"""The names of matplotlib that pictures are made with, imported whatever the environment is.

Pictures are written to files and need no backend. The backend that ``MPLBACKEND`` names is set after
the import, as matplotlib would set it, and ignored where matplotlib does not have it.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ibtrain.errors import IBTrainError

__all__ = [
    "FFMpegWriter",
    "Figure",
    "Line2D",
    "LineCollection",
    "LogNorm",
    "Normalize",
    "PillowWriter",
    "ScalarMappable",
    "style",
    "without_warnings",
]

_BACKEND = "MPLBACKEND"


@contextmanager
def without_warnings() -> Iterator[None]:
    """Keeps matplotlib from logging warnings within the block."""
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _robust() -> Iterator[None]:
    """Imports matplotlib within the block without its warnings, and with any ``MPLBACKEND``.

    Raises:
        IBTrainError: If it can't be imported, for example because no folder is writable for its cache.
    """
    is_new = "matplotlib" not in sys.modules
    backend = os.environ.pop(_BACKEND, None)
    try:
        # it warns that it uses a temporary folder where its own can't be written to
        with without_warnings():
            yield
    except (ImportError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise IBTrainError(f"matplotlib can't be imported: {reason}") from error
    finally:
        if backend is not None:
            os.environ[_BACKEND] = backend
    if is_new and backend:
        # another process's, such as a notebook's: it may not be installed for this one
        with suppress(ValueError):
            sys.modules["matplotlib"].rcParams["backend"] = backend


with _robust():
    from matplotlib import style
    from matplotlib.animation import FFMpegWriter, PillowWriter
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LogNorm, Normalize
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
