"""Imports from matplotlib that work in any environment.

Pictures are written to files and need no backend; a notebook shows those of pyplot. The backend in ``MPLBACKEND`` is set after the
import, as matplotlib would set it, and is ignored if matplotlib does not have it.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ibtrain.errors import IBTrainError
from ibtrain.io.progress import is_notebook

__all__ = [
    "FFMpegWriter",
    "Figure",
    "FigureCanvasAgg",
    "HandlerTuple",
    "Line2D",
    "LineCollection",
    "LogNorm",
    "MaxNLocator",
    "Normalize",
    "Patch",
    "ScalarMappable",
    "ScaledTranslation",
    "colormaps",
    "pyplot_figure",
    "style",
    "to_hex",
    "to_rgb",
    "without_warnings",
]

_BACKEND = "MPLBACKEND"


@contextmanager
def without_warnings() -> Iterator[None]:
    """Suppresses matplotlib's logged warnings within the block."""
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _robust() -> Iterator[None]:
    """Allows the block to import matplotlib without warnings, and with any ``MPLBACKEND``.

    Raises:
        IBTrainError: If matplotlib can't be imported, for example because no folder for its cache is writable.
    """
    is_new = "matplotlib" not in sys.modules
    backend = os.environ.pop(_BACKEND, None)
    try:
        # matplotlib warns if it uses a temporary folder because its own is not writable
        with without_warnings():
            yield
    except (ImportError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise IBTrainError(f"matplotlib can't be imported: {reason}") from error
    finally:
        if backend is not None:
            os.environ[_BACKEND] = backend
    if is_new and backend:
        # the variable may be inherited, as from a notebook, and its backend not installed here
        with suppress(ValueError):
            sys.modules["matplotlib"].rcParams["backend"] = backend


def pyplot_figure(**options: Any) -> Any:
    """A figure that pyplot shows, if pyplot is in use: in a notebook, or where a script has imported it.

    Args:
        options: Arguments of ``pyplot.figure``.

    Returns:
        The figure; None if pyplot is not in use, or if its backend is not installed.
    """
    if "matplotlib.pyplot" not in sys.modules and not is_notebook():
        return None
    from matplotlib import pyplot

    try:
        return pyplot.figure(**options)
    except ImportError:
        return None


with _robust():
    from matplotlib import colormaps, style
    from matplotlib.animation import FFMpegWriter
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LogNorm, Normalize, to_hex, to_rgb
    from matplotlib.figure import Figure
    from matplotlib.legend_handler import HandlerTuple
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.ticker import MaxNLocator
    from matplotlib.transforms import ScaledTranslation
