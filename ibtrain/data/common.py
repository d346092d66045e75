"""One data set for all processes that train a network on a machine."""

import mmap
from collections.abc import Callable
from contextlib import suppress
from pickle import UnpicklingError

import torch
from torch.serialization import set_default_mmap_options

from ibtrain.backend.common_file import common_file
from ibtrain.backend.mapped import check_free
from ibtrain.backend.process_group import alone, local_processes, local_rank, num_processes
from ibtrain.data.dataset import Dataset
from ibtrain.errors import warn

__all__ = ["common_data"]


def common_data(load: Callable[[], Dataset]) -> Dataset:
    """Loads a data set in the first process of each machine; all its processes map the tensors from a temporary file.

    Samples are then read and scaled once on a machine, and take the memory and the disk space of one process. What one process
    changes in them is changed for all. Without space for the file each process loads a data set of its own, with a warning; so
    it does without ``/proc`` (macOS), or where a limit of the address space allows no map.

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
        # a run may have the same split in two places
        splits = {id(split): split for split in data.splits.values()}.values()
        check_free(sum(split.x.nbytes + split.y.nbytes for split in splits))
        torch.save(data, path)

    is_mapped = False
    # a private map would count as memory; a limit of the address space may allow none
    with (
        common_file(write) as path,
        set_default_mmap_options(mmap.MAP_SHARED),
        suppress(OSError, RuntimeError, UnpicklingError),
    ):
        if path:
            # in place of the first process's own tensors, which are no longer needed
            data = torch.load(path, mmap=True, weights_only=False)
            is_mapped = True
    if local_processes() > 1 and not is_mapped:
        warn(
            f"each of {local_processes()} processes has a copy of the samples in memory, because none can be shared in a temporary "
            "file; set TMPDIR to a folder with space for them"
        )
    return load() if data is None else data
