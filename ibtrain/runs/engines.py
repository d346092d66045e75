"""Where the further processes of a sweep run."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from ibtrain.runs.ray_workers import ray_helpers
from ibtrain.runs.workers import helpers

__all__ = ["helpers_of"]

Helpers = Callable[[Callable[..., None], tuple[Any, ...], int], AbstractContextManager[None]]
"""Runs a function with its arguments in so many further processes while a block is executed."""


def helpers_of(engine: str, folder: Path) -> Helpers:
    """Returns what runs a function in the further processes of an engine.

    Args:
        engine: One of :data:`~ibtrain.checks.ENGINES`: processes of this machine, or tasks of a Ray cluster.
        folder: What they work in, which all machines of a cluster have to share.
    """
    return partial(ray_helpers, folder) if engine == "ray" else helpers
