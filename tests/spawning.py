"""Functions that several processes of one group call."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from ibtrain.backend.process_group import data_parallel


def spawned(work: Callable[[], Any], count: int, folder: Path) -> list[Any]:
    """What a function returns in each of several processes."""
    mp.spawn(_process, (count, work, str(folder)), count)
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(count)]


def mapped_files(folder: Path) -> set[str]:
    """Numbers of the files of a folder, with or without a name, that this process has mapped in common with others."""
    maps = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    files = [line for line in maps if len(line) > 5 and line[5].startswith(str(folder))]
    # a private map counts as memory
    assert all(line[1].endswith("s") for line in files)
    return {line[4] for line in files}


def _process(rank: int, count: int, work: Callable[[], Any], folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder}/group", rank=rank, world_size=count)
    with data_parallel():
        torch.save(work(), Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()
