"""The look of every picture: sized for a page, legible in print and without colour vision."""

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
from ibtrain.report.mpl import Figure, style

__all__ = [
    "COLOURS",
    "LINES",
    "MARKERS",
    "METHOD_NAMES",
    "PALETTE",
    "check_picture",
    "method_title",
    "new_figure",
    "save_figure",
    "styled",
]

P = ParamSpec("P")
T = TypeVar("T")

PICTURES = (".png", ".svg", ".pdf")

WIDTH = 7.0
"""Inches across a page's text."""

METHOD_NAMES: dict[Method, str] = {"layerwise": "layer-wise", "end_to_end": "end to end"}
COLOURS: dict[Method, str] = {"layerwise": "#0072B2", "end_to_end": "#D55E00"}
LINES: dict[Method, str] = {"layerwise": "-", "end_to_end": "--"}
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#666666")
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
    # a dollar in a file's name is a dollar
    "text.parse_math": False,
}


def method_title(method: Method, objective: str) -> str:
    """What a method is called in a heading.

    Args:
        method: Which.
        objective: Name of the objective of layer-wise training.
    """
    if method == "end_to_end":
        return "End to end (backprop)"
    name = "information bottleneck" if objective == "ib" else objective
    return f"Layer-wise ({name})"


def new_figure(rows: int, columns: int, height: float, **options: Any) -> tuple[Figure, Any]:
    """A figure a page wide and its axes as a 2-d array; ``options`` go to ``Figure.subplots``."""
    figure = Figure(figsize=(WIDTH, height), dpi=200, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def check_picture(path: Path, where: str, endings: tuple[str, ...] = PICTURES) -> None:
    """A path that a picture can be written to, checked before the work is done.

    Args:
        path: Where it is wanted.
        where: The option, for an error to name.
        endings: The formats.

    Raises:
        ConfigError: Its ending is no picture's, its folder isn't there, or it is a folder itself.
    """
    check_choice(f"{where} {path}: ending", path.suffix.lower(), endings)
    check_output(path, where)


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure, in the format of the path's ending, whole or not at all.

    Raises:
        RunFolderError: It can't be written.
    """
    picture = io.BytesIO()
    # some settings are only read here
    with _style():
        figure.savefig(picture, format=path.suffix[1:].lower())
    write_atomically(path, picture.getvalue())


@contextmanager
def _style() -> Iterator[None]:
    """This style upon matplotlib's defaults: the user's settings could ask for TeX, or another size."""
    with style.context([_RC], after_reset=True), warnings.catch_warnings():
        # a name may be in letters that the font lacks; they are drawn as boxes
        warnings.filterwarnings("ignore", r"(Matplotlib currently does not|Glyph \d+)")
        yield


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Draws in this style alone, and leaves matplotlib's settings as they were."""

    @wraps(draw)
    def drawing(*args: P.args, **kwargs: P.kwargs) -> T:
        with _style():
            return draw(*args, **kwargs)

    return drawing
