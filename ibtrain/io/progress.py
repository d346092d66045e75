"""Progress bars on a terminal or in a notebook; nothing is shown in a pipe or a file."""

import sys
import warnings
from types import TracebackType
from typing import Any, Self

__all__ = ["ShowsBar", "is_displayed", "is_notebook", "progress_bar"]


def is_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")


def is_displayed() -> bool:
    """Whether somebody sees progress: standard error is a terminal, or this is a notebook."""
    try:
        is_terminal = sys.stderr is not None and sys.stderr.isatty()
    except ValueError:
        # the stream has been closed
        is_terminal = False
    return is_terminal or is_notebook()


class ShowsBar:
    """Base class of what shows a progress bar until a ``with`` block is left.

    Args:
        bar: The bar, of :func:`progress_bar`.
    """

    def __init__(self, bar: Any) -> None:
        self.bar = bar

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.close()


def progress_bar(total: int, unit: str, *, done: int = 0, show: bool = True) -> Any:
    """Creates a bar that shows the time left, and disappears when it is closed.

    Args:
        total: Number of units of work.
        unit: Name of the unit, such as ``epochs``.
        done: Number of units that an earlier process has done.
        show: Whether the bar is shown, if there is a terminal or a notebook.

    Returns:
        A bar of tqdm: ``update(n)``, ``set_description_str(text)`` and ``close()``.
    """
    with warnings.catch_warnings():
        # without ipywidgets, a notebook gets a bar of text
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm
    # a notebook draws the bar by itself, and as wide as it likes
    bar = "{bar}" if is_notebook() else "{bar:10}"
    return tqdm(
        total=total,
        initial=done,
        # None: the environment variable TQDM_DISABLE decides
        **({} if show and is_displayed() else {"disable": True}),
        file=sys.stderr,
        # the end of a line that is too long for the terminal is left out
        bar_format=f"|{bar}| {{n_fmt}}/{{total_fmt}} {unit}, {{remaining}} left  {{desc}}",
        dynamic_ncols=True,
        leave=False,
    )
