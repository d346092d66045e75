"""Writes the report page: fills the template with the document, the style, the scripts and the plotting library."""

import base64
import html
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ibtrain.checks import check_choice
from ibtrain.io.files import check_output, write_atomically
from ibtrain.report.page.document import page_document
from ibtrain.runs import RunFolder

__all__ = ["PAGE", "PAGE_OF_RUNS", "check_page", "page_html", "save_page", "save_run_page"]

PAGE, PAGE_OF_RUNS = "report.html", "report-runs.html"
"""Names of the page of a run, and of that of several runs, in a run's folder."""
ASSETS = files("ibtrain.report.page") / "assets"
SCRIPTS = (
    "format",
    "theme",
    "state",
    "charts",
    "plane",
    "curves",
    "tables",
    "texts",
    "controls",
    "main",
)
"""The scripts, which share one scope in the page, in this order."""
LIBRARY = "vendor/plotly-basic.min.js.gz"


def check_page(path: Path, where: str) -> None:
    """Checks that a page can be written to a path, before the work begins.

    Args:
        path: Path of the page.
        where: Name of the option, for error messages.

    Raises:
        ConfigError: If the ending is not ``.html``, the folder does not exist, or the path is a folder.
    """
    check_choice(f"{where} {path}: ending", path.suffix.lower(), (".html",))
    check_output(path, where)


def save_page(folders: Sequence[RunFolder], path: Path) -> None:
    """Writes the report of one or several runs as one HTML file, which needs no network.

    Args:
        folders: The runs, finished or not.
        path: The file.

    Raises:
        RunFolderError: If the files of a run are missing or broken, or the page can't be written.
    """
    write_atomically(path, page_html(page_document(folders)))


def save_run_page(folder: RunFolder) -> None:
    """Writes the report of a run into its folder.

    Args:
        folder: The run, which may have been replaced by that of another process in the meantime.

    Raises:
        RunFolderError: If it was, or as of :func:`save_page`.
    """
    page = page_html(page_document([folder]))
    folder.check_owned()
    write_atomically(folder.path / PAGE, page)


def page_html(document: dict[str, Any]) -> str:
    """The page of a document.

    Args:
        document: A document of :func:`~ibtrain.report.page.document.page_document`.
    """
    parts = {
        "title": html.escape(document["title"]),
        "style": _asset("page.css"),
        "library": _library(),
        "document": _embedded(document),
        "scripts": "\n".join(_asset(f"{name}.js") for name in SCRIPTS),
    }
    page = []
    for index, piece in enumerate(_asset("page.html").split("@@")):
        # a marker is between two pairs of signs; what is inserted is not searched for markers
        page.append(parts[piece] if index % 2 else piece)
    return "".join(page)


def _embedded(document: dict[str, Any]) -> str:
    """The document in JSON in which nothing ends the script element or begins a comment."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


@cache
def _library() -> str:
    """The packed plotting library in base64: a third of its size."""
    return base64.b64encode((ASSETS / LIBRARY).read_bytes()).decode()
