"""Folders of runs that have not begun."""

from pathlib import Path
from typing import Any

from ibtrain.config import RunConfig
from ibtrain.runs import RunFolder

ENVIRONMENT = {"versions": {}, "device": "cpu", "threads": 1}


def made(path: Path | None, config: RunConfig | None = None, **environment: Any) -> RunFolder:
    """A run's folder, let go of again."""
    surroundings = ENVIRONMENT | environment
    with RunFolder.claim(path, config or RunConfig(), surroundings) as folder:
        return folder
