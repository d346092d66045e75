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


def _process(rank: int, count: int, work: Callable[[], Any], folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder}/group", rank=rank, world_size=count)
    with data_parallel():
        torch.save(work(), Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()
