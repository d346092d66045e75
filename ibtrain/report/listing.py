"""The table of the runs in a folder."""

from collections.abc import Mapping, Sequence
from typing import Any

from ibtrain.checks import check_number
from ibtrain.config import METHODS, Method
from ibtrain.errors import RunFolderError, warn
from ibtrain.io.untrusted import untrusted
from ibtrain.report.style import METHOD_NAMES
from ibtrain.report.table import spread
from ibtrain.report.text import table
from ibtrain.runs import RunFolder
from ibtrain.text import printable

__all__ = ["runs_table"]

LONGEST_SEEDS = 12
"""Most characters of the list of seeds; more of them are counted."""


def runs_table(folders: Sequence[RunFolder], width: int | None = None) -> str:
    """A table with a row for each run: its folder, data set, seeds and mean test accuracies.

    A broken run has a row too, and a warning names the error. A run that is not finished has its latest accuracies. Those of the
    validation split, which takes the place of the test split in the trials of a search, are marked.

    Args:
        folders: The runs.
        width: Largest number of characters in a line, beyond which each folder has a line of its own; None for any
            number.
    """
    rows = [["run", "dataset", "seeds", *(f"{METHOD_NAMES[method]} %" for method in METHODS)]]
    for folder in folders:
        try:
            config = folder.read_json("config.json")
            cells = *_dataset_and_seeds(config, folder), *_accuracies(config, folder)
            rows.append([str(folder.path), *cells])
        except RunFolderError as error:
            warn(str(error))
            rows.append([str(folder.path), "broken", "", *("" for _ in METHODS)])
    text = table(rows)
    if width is None or max(map(len, text.splitlines())) <= width:
        return text
    heading, line, *lines = table([row[1:] for row in rows]).splitlines()
    paths = [printable(path) for path, *_ in rows[1:]]
    pairs = [f"{path}\n  {values}" for path, values in zip(paths, lines, strict=True)]
    return "\n".join([f"  {heading}", f"  {line}", *pairs])


def _dataset_and_seeds(config: Mapping[str, Any], folder: RunFolder) -> tuple[str, str]:
    """Data set and seeds of a run; its other settings are not checked, because they may be of another version."""
    dataset, seeds = config.get("dataset"), config.get("seeds")
    if not isinstance(dataset, str) or not isinstance(seeds, list):
        given = f"dataset {dataset!r} and seeds {seeds!r}"
        where = str(folder.path / "config.json")
        raise RunFolderError(given, "a data set's name and a list", where)
    text = ",".join(map(str, seeds))
    return dataset, text if len(text) <= LONGEST_SEEDS else f"{len(seeds)} seeds"


def _accuracies(config: Mapping[str, Any], folder: RunFolder) -> list[str]:
    """The accuracies of each method, and the split on which they are, unless that is the test split."""
    if (folder.path / "results.json").is_file():
        results = folder.results()
        found = {
            method: spread([100 * seed["test_accuracy"] for seed in results[method]])
            for method in METHODS
            if results.get(method)
        }
    else:
        found = _latest_accuracies(config, folder)
    mark = " (validation)" if config.get("evaluate_on") == "validation" else ""
    return [found[method] + mark if method in found else "-" for method in METHODS]


def _latest_accuracies(config: Mapping[str, Any], folder: RunFolder) -> dict[Method, str]:
    """The last accuracy of each method of a run that is not finished."""
    latest: dict[Method, float] = {}
    with untrusted("an epoch", "what a run makes", str(folder.events.path)):
        for event in folder.recorded("epoch"):
            check_number("test_accuracy", event["test_accuracy"], 0)
            latest[event["method"]] = event["test_accuracy"]
    methods = config.get("methods")
    return {
        method: "unfinished" + (f", {100 * latest[method]:.2f}" if method in latest else "")
        for method in METHODS
        if not isinstance(methods, list) or method in methods
    }
