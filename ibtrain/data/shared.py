"""One data set for all processes that train a network on a machine."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from ibtrain.backend.common_file import common_file
from ibtrain.backend.exchange import wait_for_first
from ibtrain.backend.mapped import free_disk
from ibtrain.backend.process_group import alone, local_processes, rank
from ibtrain.data.dataset import Dataset

__all__ = ["load_once"]


def load_once(load: Callable[[], Dataset]) -> Dataset:
    """Loads a data set in one process of each machine, first in the first one; the others map its tensors from a temporary file.

    The processes of a machine then read and scale the samples once, and take the memory and the disk space of one. Without space for
    the file, each process loads a data set of its own.

    Args:
        load: Loads the data set, on the CPU; the same one in every process.

    Raises:
        Exception: What ``load`` raises.
        LostProcessError: If another process has ended.
    """
    data: Dataset | None = None
    if rank() == 0:
        with alone():
            data = load()
    # the other machines read what this process has downloaded
    wait_for_first()
    if local_processes() > 1:

        def write() -> Path | None:
            return _write(load() if data is None else data)

        with common_file(write) as path:
            if path:
                # in place of the first process's own tensors, which are no longer needed
                data = torch.load(path, mmap=True, weights_only=False)
    return load() if data is None else data


def _write(data: Dataset) -> Path | None:
    """Writes a data set to a temporary file, if there is space for it."""
    splits = data.splits.values()
    size = sum(tensor.nbytes for split in splits for tensor in (split.x, split.y))
    # to fill the disk in vain would disturb others
    if size > free_disk():
        return None
    with tempfile.NamedTemporaryFile(prefix="ibtrain-", delete=False) as file:
        path = Path(file.name)
        try:
            torch.save(data, file)
        except BaseException as error:
            path.unlink()
            # torch's own error is of a disk that has become full
            if not isinstance(error, OSError | RuntimeError):
                raise
            return None
    return path
