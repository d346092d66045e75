"""What a figure depends on besides its settings."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["environment"]


def environment(device: str, threads: int) -> dict[str, Any]:
    """Versions, hardware, threads and commit: what a figure depends on besides its settings."""
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
    """The commit of the git work tree that this package is the content of, if it is one.

    Where the package was installed into a folder of somebody's own repository, a virtual environment
    perhaps, that repository's commit says nothing about it.
    """
    root = Path(__file__).resolve().parents[1]
    tracked = ["setup.py", "ibtrain/environment.py"]
    if _git(root, "rev-parse", "--show-prefix") != "":
        return None
    if _git(root, "ls-files", "--error-unmatch", *tracked) is None:
        return None
    return _git(root, "describe", "--always", "--dirty", "--abbrev=40") or None


def _git(root: Path, *arguments: str) -> str | None:
    """What a git command prints about a folder; None if it fails."""
    # a hook of git's has variables that name another repository
    variables = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10, env=variables
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
