"""Measures the time and the work of a call."""

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
MIN_REPEAT_SECONDS = 0.02
"""Minimum duration of a repeat: in a shorter one, the overhead of the measurement would matter."""


@dataclass(frozen=True)
class Timing:
    """Seconds of one call, over several repeats.

    Args:
        median: Median of the repeats.
        fastest: Minimum of the repeats.
        slowest: Maximum of the repeats.
    """

    median: float
    fastest: float
    slowest: float


def time_call(call: Call, device: torch.device) -> Timing:
    """Times a call: with warm-up, synchronisation of the device, and repeats.

    Args:
        call: The call.
        device: Device that the call uses.
    """
    once = _seconds(call, device, 1)
    once = min(once, _seconds(call, device, 1))
    calls = max(1, round(MIN_REPEAT_SECONDS / max(once, 1e-9)))
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
    """Work of a call.

    Args:
        flops: Multiplications and additions of its matrix products.
        bytes: Bytes that its operations read and write, if nothing stays in a cache.
    """

    flops: int
    bytes: int


def work_of(call: Call) -> Work:
    """Runs a call and counts its work, without CUDA graphs, whose replayed operations can't be counted."""
    with cuda_graphs(False), FlopCounterMode(display=False) as flops, _Traffic() as traffic:
        call()
    return Work(int(flops.get_total_flops()), traffic.bytes)


class _Traffic(TorchDispatchMode):
    """Adds up the bytes of the tensors of every operation, except for views."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.bytes += _bytes(tree_leaves((args, kwargs, result)))
        return result


def _bytes(leaves: Iterable[Any]) -> int:
    return sum(leaf.numel() * leaf.element_size() for leaf in leaves if isinstance(leaf, Tensor))
