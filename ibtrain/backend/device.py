"""Which device and how many threads a run uses."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ibtrain.backend.openmp import environment_threads
from ibtrain.errors import ConfigError, IBTrainWarning

__all__ = ["choose_device", "choose_threads", "threads"]

WIDE_STEP = 1.5e8
"""Multiply-adds a step (batch x weights) above which a second thread pays for both methods.

Measured on two idle cores with 784-500-256-10: at batch 128 (6.7e7) layer-wise training took as long
on two threads as on one, at batch 512 (2.7e8) 0.7 times as long.
"""
CROWD = 8
"""Threads for each core above which a warning is due: with 128, a run took ten times as long."""


def choose_device(name: str = "auto") -> torch.device:
    """The device of that name; ``auto`` takes CUDA, then MPS, then the CPU.

    Raises:
        ConfigError: This machine has no such device.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    if not available.get(name, False):
        there = ", ".join(kind for kind, is_there in available.items() if is_there)
        raise ConfigError(repr(name), f"a device of this machine ({there})", "device")
    return torch.device(name)


def choose_threads(batch_size: int, num_weights: int) -> int:
    """How many threads a step deserves: one where its matrices are small, all cores where not.

    Small products are far slower on two threads than on one when anything else runs, and gain
    nothing when nothing does. ``OMP_NUM_THREADS`` overrides.

    Args:
        batch_size: Samples a step.
        num_weights: Weights of the network.
    """
    requested = environment_threads()
    if requested is not None:
        return requested
    return _cores() if batch_size * num_weights >= WIDE_STEP else 1


def _cores() -> int:
    """Cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return cores or 1


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Sets torch's thread count within the block; warns where it slows every step down."""
    if count > CROWD * _cores():
        told = f"{count} threads for {_cores()} cores: every step is far slower than with one thread a core"
        warnings.warn(told, IBTrainWarning, stacklevel=3)
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
