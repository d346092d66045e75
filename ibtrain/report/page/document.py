"""The document of a page: everything that the page shows, in one JSON object.

Information is in nats; the page converts it. Numbers that do not exist are ``null``.

- ``schema``: 1. ``title``, ``version``: of the page, and of ibtrain.
- ``unit``: the unit that is shown first. ``flags``: each flag in words.
- ``methods``: a list of ``{key, name, colour}``. ``layers``: a list of ``{name, colour, symbol}`` for all runs.
- ``columns``: the columns of the table of layers, ``{name, heading, unit}``.
- ``runs``: for each run

  - ``name``, ``dataset``, ``is_finished``, ``caption`` (of the means and of the seeds), ``seeds``, ``ln_n`` and ``label_entropy``;
  - ``summary``: ``{method, seeds, test, train, seconds}``, lists over seeds;
  - ``planes``: see :mod:`~ibtrain.report.page.planes`;
  - ``profiles``: see :mod:`~ibtrain.report.page.profiles`;
  - ``curves``: see :mod:`~ibtrain.report.page.curves`;
  - ``table``: see :mod:`~ibtrain.report.page.layers`;
  - ``config``, ``environment``: lists of ``[name, text]``; ``settings``: the text of ``config.json``;
  - ``command``: as it was typed; ``repeat``: one that trains again with the settings;
  - ``methods_text`` and ``bibtex``: see :mod:`~ibtrain.report.page.sources`.

- ``parameters``: ``{name, values, differs}`` with a text for each run; ``differences``: see
  :mod:`~ibtrain.report.page.compare`.
"""

import math
from collections.abc import Sequence
from typing import Any

from ibtrain import __version__
from ibtrain.config import METHODS
from ibtrain.errors import RunFolderError
from ibtrain.mi.result import FLAGS
from ibtrain.report.caption import caption
from ibtrain.report.mpl import to_hex
from ibtrain.report.page.about import about
from ibtrain.report.page.compare import differences, parameters
from ibtrain.report.page.curves import run_curves
from ibtrain.report.page.layers import table_columns, table_rows
from ibtrain.report.page.numbers import number, numbers
from ibtrain.report.page.planes import run_planes
from ibtrain.report.page.profiles import run_profiles
from ibtrain.report.page.run import ReportedRun
from ibtrain.report.page.sources import sources
from ibtrain.report.paths import layer_style
from ibtrain.report.series import layer_names
from ibtrain.report.style import COLOURS, METHOD_NAMES
from ibtrain.report.view import PlaneView
from ibtrain.runs import RunFolder
from ibtrain.text import abridged, printable

__all__ = ["page_document"]

MAX_RUNS = 100
MAX_TITLE = 200
SYMBOLS = {
    "o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down", "P": "cross", "X": "x", "*": "star",
}  # fmt: skip
"""Markers of matplotlib as symbols of plotly."""


def page_document(folders: Sequence[RunFolder]) -> dict[str, Any]:
    """The document of one or several runs; its keys are those of this module's description.

    Args:
        folders: The runs, finished or not.

    Raises:
        RunFolderError: If there are too many runs, or the files of a run are missing or broken.
    """
    if len(folders) > MAX_RUNS:
        raise RunFolderError(f"{len(folders)} runs", f"at most {MAX_RUNS}", "a report")
    runs = [ReportedRun.read(folder) for folder in folders]
    layers = layer_names([panel for run in runs for panel in run.panels])
    styles = [layer_style(index, len(layers)) for index in range(len(layers))]
    return {
        "schema": 1,
        "title": abridged(", ".join(run.name for run in runs), MAX_TITLE),
        "version": __version__,
        "unit": runs[0].config.plane.unit,
        "flags": FLAGS,
        "methods": [{"key": m, "name": METHOD_NAMES[m], "colour": COLOURS[m]} for m in METHODS],
        "layers": [
            {"name": printable(name), "colour": to_hex(colour), "symbol": SYMBOLS[marker]}
            for name, (colour, marker) in zip(layers, styles, strict=True)
        ],
        "columns": table_columns(runs),
        "runs": [_run(run) for run in runs],
        "parameters": parameters(runs),
        "differences": differences(runs),
    }


def _run(run: ReportedRun) -> dict[str, Any]:
    panels = run.panels
    return {
        "name": run.name,
        "dataset": printable(run.config.dataset),
        "is_finished": run.folder.is_finished,
        "caption": {
            s: caption(panels, PlaneView(seeds=s)) if panels else "" for s in ("mean", "all")
        },
        "seeds": sorted({point.seed for panel in panels for point in panel.points} | run.seeds),
        "ln_n": number(run.results.get("ln_n", math.nan)),
        "label_entropy": number(run.results.get("label_entropy", math.nan)),
        "summary": [
            {
                "method": method,
                "seeds": [result.seed for result in results],
                **{
                    split: numbers(result.accuracies.get(split, math.nan) for result in results)
                    for split in ("test", "train")
                },
                "seconds": numbers(result.seconds for result in results),
            }
            for method, results in run.methods.items()
        ],
        "planes": run_planes(run),
        "profiles": run_profiles(run),
        "curves": run_curves(run),
        "table": table_rows(run),
        **about(run),
        **sources(run),
    }
