"""Style of all pictures: sized for a page, legible in print and by colour-blind readers."""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from ibtrain.checks import check_choice
from ibtrain.config import Method
from ibtrain.io.files import check_output, write_atomically
from ibtrain.report.mpl import Figure, pyplot_figure, style

__all__ = [
    "COLOURS",
    "LIMITS",
    "LINES",
    "MARKERS",
    "METHOD_NAMES",
    "PALETTE",
    "check_picture",
    "figure_bytes",
    "method_title",
    "new_figure",
    "save_figure",
    "screen_figure",
    "styled",
]

P = ParamSpec("P")
T = TypeVar("T")

PICTURE_FORMATS = (".png", ".svg", ".pdf")

FIGURE_WIDTH = 7.0
"""Width of the text on a page, in inches."""
FILE_DPI, SCREEN_DPI = 200, 120
"""Dots per inch of a figure in a file, and in a notebook."""

METHOD_NAMES: dict[Method, str] = {"layerwise": "layer-wise", "end_to_end": "end-to-end"}
COLOURS: dict[Method, str] = {"layerwise": "#0072B2", "end_to_end": "#D55E00"}
LINES: dict[Method, str] = {"layerwise": "-", "end_to_end": "--"}
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#666666")
LIMITS = {"nats": ("ln N", "H(Y)"), "bits": ("log2 N", "H(Y)")}
"""Names of the axes' limits, by the unit of information."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

_RC: dict[str, Any] = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    # a dollar in a file's name does not begin a formula
    "text.parse_math": False,
}


def method_title(method: Method, objective: str) -> str:
    """Name of a method in titles.

    Args:
        method: The method.
        objective: Name of the objective of layer-wise training.
    """
    if method == "end_to_end":
        return "End-to-end (backprop)"
    name = "information bottleneck" if objective == "ib" else objective
    return f"Layer-wise ({name})"


def new_figure(rows: int, columns: int, height: float, **options: Any) -> tuple[Figure, Any]:
    """Creates a figure of the page's width; returns it with its axes as a 2-d array.

    ``options`` are passed to ``Figure.subplots``.
    """
    figure = Figure(figsize=(FIGURE_WIDTH, height), dpi=FILE_DPI, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def screen_figure(height: float) -> Any:
    """Creates an empty figure, which a notebook or pyplot shows if one of them is in use.

    It is not for :func:`styled` functions, at whose end pyplot would forget that it shows figures.

    Args:
        height: Height of the figure, in inches.
    """
    size = (FIGURE_WIDTH, height)
    figure = pyplot_figure(figsize=size, dpi=SCREEN_DPI, layout="constrained")
    return figure or Figure(figsize=size, dpi=FILE_DPI, layout="constrained")


def check_picture(path: Path, where: str, endings: tuple[str, ...] = PICTURE_FORMATS) -> None:
    """Checks that a picture can be written to a path, before a long computation.

    Args:
        path: Path of the picture.
        where: Name of the option, for error messages.
        endings: The allowed formats.

    Raises:
        ConfigError: If the ending is not allowed, the folder does not exist, or the path is a folder.
    """
    check_choice(f"{where} {path}: ending", path.suffix.lower(), endings)
    check_output(path, where)


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure atomically, in the format of the path's ending.

    Raises:
        RunFolderError: If the figure can't be written.
    """
    write_atomically(path, figure_bytes(figure, path.suffix[1:].lower()))


def figure_bytes(figure: Figure, name: str) -> bytes:
    """A figure as a file of a format, such as ``png``."""
    picture = io.BytesIO()
    # matplotlib reads some settings only when it saves
    with _style():
        figure.savefig(picture, format=name)
    return picture.getvalue()


@contextmanager
def _style() -> Iterator[None]:
    """Applies this style to matplotlib's defaults, because the user's settings may require TeX or another size."""
    with style.context([_RC], after_reset=True), warnings.catch_warnings():
        # the font may lack characters of a name, which are drawn as boxes
        warnings.filterwarnings("ignore", r"(Matplotlib currently does not|Glyph \d+)")
        yield


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Makes a function draw in this style; matplotlib's settings are restored afterwards."""

    @wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        with _style():
            return draw(*args, **kwargs)

    return wrapper
