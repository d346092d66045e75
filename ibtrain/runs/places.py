"""Places of run folders: their names, and whether they are free."""

import re
from datetime import datetime
from pathlib import Path

from ibtrain.config import RunConfig
from ibtrain.errors import RunFolderError
from ibtrain.io.documents import is_regular, parse_json, read_bytes
from ibtrain.io.files import SCRATCH, write_error

__all__ = ["LOCK", "PARTS_FOLDER", "check_is_run", "is_empty", "make_folder", "new_path"]

LOCK = ".lock"
"""Name of the lock file in a run's folder."""
PARTS_FOLDER = "parts"
"""Folder of the networks that several processes train, within a run's folder, until the run is finished."""


def make_folder(path: Path) -> bool:
    """Creates a folder and its parents; returns whether it is new.

    Raises:
        RunFolderError: If it can't be created.
    """
    try:
        existed = path.exists()
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise write_error("a folder", error, path) from error
    return not existed


def check_is_run(path: Path) -> None:
    """Checks that there is the folder of a run.

    Raises:
        RunFolderError: If there is none; the message names a run within the folder, such as one of a sweep.
    """
    advice = ""
    try:
        is_run = is_regular(path / "config.json")
    except OSError as error:
        is_run, advice = False, f" ({error.strerror})"
    if not is_run:
        inner = next(path.glob("*/config.json"), None)
        advice = f", such as {inner.parent}" if inner else advice
        expected = f"a run's folder, with its config.json{advice}"
        raise RunFolderError("no run there", expected, str(path))


def is_empty(path: Path) -> bool:
    """Whether a folder holds nothing but files that a process killed at its start may have left."""
    return all(
        p.name == LOCK or p.match(SCRATCH) or _is_empty_folder(p) or _is_environment(p)
        for p in path.iterdir()
    )


def _is_environment(path: Path) -> bool:
    """Whether a file is the ``environment.json`` of a run."""
    try:
        return path.name == "environment.json" and "started" in parse_json(read_bytes(path))
    except (OSError, TypeError, ValueError):
        return False


def _is_empty_folder(path: Path) -> bool:
    return path.name == "checkpoints" and path.is_dir() and not any(path.iterdir())


def new_path(config: RunConfig, kind: str = "") -> Path:
    """Returns the folder of a new run, ``runs/KIND-DATASET-DATE-TIME``, which no run has yet.

    Args:
        config: The run's settings.
        kind: First word of the name; by default the method, or ``compare`` for both.
    """
    # a slash in the name would be read as a subfolder
    dataset = re.sub(r"[^\w-]", "_", config.dataset.partition(":")[0])[-40:]
    method = "compare" if len(config.methods) > 1 else config.methods[0].replace("_", "-")
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    base = Path("runs") / f"{kind or method}-{dataset}-{stamp}"
    path, number = base, 2
    while path.exists():
        path, number = base.with_name(f"{base.name}-{number}"), number + 1
    return path
