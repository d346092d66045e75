"""Versions, hardware and git commit, which are recorded for reproducibility."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["environment"]

PACKAGE = Path(__file__).resolve().parents[1]
"""Directory of the package ``ibtrain``."""


def environment(device: str, threads: int) -> dict[str, Any]:
    """Records versions, hardware, threads and git commit for reproducibility.

    Args:
        device: Device of the run.
        threads: Number of CPU threads of the run.
    """
    names = ("ibtrain", "torch", "torchvision", "numpy", "matplotlib", "scikit-learn")
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in names},
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "device": device,
        "threads": threads,
        "git_commit": _git_commit(),
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """The commit of the package's own git work tree, if it is in one.

    If the package is installed inside another repository, for example in a virtual environment, the commit of
    that repository says nothing about the package.
    """
    root = PACKAGE.parent
    tracked = ["setup.py", "ibtrain/__init__.py"]
    if _git(root, "rev-parse", "--show-prefix") != "":
        return None
    if _git(root, "ls-files", "--error-unmatch", *tracked) is None:
        return None
    return _git(root, "describe", "--always", "--dirty", "--abbrev=40") or None


def _git(root: Path, *arguments: str) -> str | None:
    """Output of a git command about a folder; None if it fails."""
    # git runs hooks with variables that name another repository
    variables = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    command = ["git", "-C", str(root), *arguments]
    try:
        process = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10, env=variables
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return process.stdout.strip()
