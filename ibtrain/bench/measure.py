"""The time of a call, and the work that is in it."""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from ibtrain.backend.cuda_graphs import cuda_graphs

__all__ = ["Call", "Timing", "Work", "time_call", "work_of"]

Call = Callable[[], Any]

REPEATS = 7
SHORTEST = 0.02
"""Seconds that a repeat should last, or the clock and its neighbours are what is measured."""


@dataclass(frozen=True)
class Timing:
    """Seconds of one call, over several repeats of it.

    Args:
        median: Of the repeats.
        fastest: Of them.
        slowest: Of them.
    """

    median: float
    fastest: float
    slowest: float


def time_call(call: Call, device: torch.device) -> Timing:
    """Times a call: warmed up, synchronised inside the clock, repeated.

    Args:
        call: What is timed.
        device: What it works on.
    """
    once = _seconds(call, device, 1)
    once = min(once, _seconds(call, device, 1))
    calls = max(1, round(SHORTEST / max(once, 1e-9)))
    repeats = [_seconds(call, device, calls) for _ in range(REPEATS)]
    return Timing(statistics.median(repeats), min(repeats), max(repeats))


def _seconds(call: Call, device: torch.device, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        call()
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
    return (time.perf_counter() - start) / calls


@dataclass(frozen=True)
class Work:
    """What a call does.

    Args:
        flops: Multiplications and additions of its matrix products.
        bytes: What its operations read and write, if nothing stays in a cache.
    """

    flops: int
    bytes: int


def work_of(call: Call) -> Work:
    """Counts the work of a call as it runs: of replayed steps there would be nothing to see."""
    with cuda_graphs(False), FlopCounterMode(display=False) as flops, _Traffic() as traffic:
        call()
    return Work(int(flops.get_total_flops()), traffic.bytes)


class _Traffic(TorchDispatchMode):
    """Adds up the bytes of every operation's tensors, views aside."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.bytes += _bytes(tree_leaves((args, kwargs, found)))
        return found


def _bytes(leaves: Iterable[Any]) -> int:
    return sum(leaf.numel() * leaf.element_size() for leaf in leaves if isinstance(leaf, Tensor))
