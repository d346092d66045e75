"""Runs: train and measure from settings, and keep the results in a folder."""

from ibtrain.runs.folder import RunFolder
from ibtrain.runs.listing import list_runs
from ibtrain.runs.opened import open_run
from ibtrain.runs.reading import load_run
from ibtrain.runs.runner import run

__all__ = ["RunFolder", "list_runs", "load_run", "open_run", "run"]
