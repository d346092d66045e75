"""Several processes that share work by claims."""

import multiprocessing
from pathlib import Path

import torch

from ibtrain.config import PlaneConfig
from ibtrain.runs.folder import RunFolder
from ibtrain.runs.remeasure import check_measures, remeasure

__all__ = ["remeasure_together"]


def remeasure_together(folder: RunFolder, config: PlaneConfig, output: Path, workers: int) -> None:
    """Runs :func:`~ibtrain.runs.remeasure.remeasure` in several processes, of which this is one.

    Args:
        folder: Folder of the run.
        config: Measures and their settings.
        output: CSV file of all points.
        workers: Number of processes.
    """
    check_measures(config)
    context = multiprocessing.get_context("spawn")
    others = [
        context.Process(target=_work, args=(folder.path, config, output), daemon=True)
        for _ in range(workers - 1)
    ]
    for process in others:
        process.start()
    # what a process leaves when it dies, this one measures
    remeasure(folder, config, output)
    for process in others:
        process.join()


def _work(path: Path, config: PlaneConfig, output: Path) -> None:
    torch.set_num_threads(1)
    remeasure(RunFolder.open(path), config, output)
