"""What a run's folder may hold before the run begins."""

from pathlib import Path

from ibtrain.io.documents import parse_json, read_bytes
from ibtrain.io.files import SCRATCH

__all__ = ["LOCK", "is_unused"]

LOCK = ".lock"
"""Name of the file that a process locks."""


def is_unused(path: Path) -> bool:
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
