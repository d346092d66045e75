"""One data set for all processes that train a network on a machine."""

import mmap
from collections.abc import Callable
from contextlib import suppress

import torch
from torch.serialization import set_default_mmap_options

from ibtrain.backend.common_file import common_file
from ibtrain.backend.mapped import check_free
from ibtrain.backend.process_group import alone, local_rank, num_processes
from ibtrain.data.dataset import Dataset

__all__ = ["common_data"]


def common_data(load: Callable[[], Dataset]) -> Dataset:
    """Loads a data set in the first process of each machine; all its processes map the tensors from a temporary file.

    Samples are then read and scaled once on a machine, and take the memory and the disk space of one process. No process may
    change them. Without space for the file, each process loads a data set of its own.

    Args:
        load: Loads the data set, on the CPU; the same one in every process.
    """
    if num_processes() == 1:
        return load()
    data: Dataset | None = None
    if local_rank() == 0:
        with alone():
            data = load()

    def write(path: str) -> None:
        assert data is not None
        tensors = (tensor for split in data.splits.values() for tensor in (split.x, split.y))
        check_free(sum(tensor.nbytes for tensor in tensors))
        torch.save(data, path)

    # a private map would count as memory; a limit of the address space may allow none
    with (
        common_file(write) as path,
        set_default_mmap_options(mmap.MAP_SHARED),
        suppress(OSError, RuntimeError),
    ):
        # in place of the first process's own tensors, which are no longer needed
        data = torch.load(path, mmap=True, weights_only=False) if path else data
    return load() if data is None else data
