"""Choice of the device and of the number of threads."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ibtrain.backend.openmp import environment_threads
from ibtrain.errors import ConfigError, warn

__all__ = ["choose_device", "choose_threads", "threads"]

WIDE_STEP = 1.5e8
"""Multiply-adds a step (batch x weights) above which a second thread makes both methods faster.

Measured on two idle cores with 784-500-256-10: at batch 128 (6.7e7) layer-wise training took as long
on two threads as on one, at batch 512 (2.7e8) 0.7 times as long.
"""
MAX_THREADS_PER_CORE = 8
"""Threads for each core above which a warning is given: with 128, a run took ten times as long."""


def choose_device(name: str = "auto") -> torch.device:
    """The device of a name; ``auto`` is CUDA if there is one, else MPS, else the CPU.

    Args:
        name: ``auto``, ``cuda``, ``mps`` or ``cpu``.

    Raises:
        ConfigError: If this machine has no such device.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, is_there in available.items() if is_there))
    if not available.get(name, False):
        devices = ", ".join(kind for kind, is_there in available.items() if is_there)
        raise ConfigError(repr(name), f"a device of this machine ({devices})", "device")
    return torch.device(name)


def choose_threads(batch_size: int, num_weights: int) -> int:
    """Number of threads for a step: one if its matrices are small, else all cores.

    Small products gain nothing from a second thread, and are far slower with it when anything else is running.
    ``OMP_NUM_THREADS`` overrides the choice.

    Args:
        batch_size: Number of samples a step.
        num_weights: Number of weights of the network.
    """
    requested = environment_threads()
    if requested is not None:
        return requested
    return _cores() if batch_size * num_weights >= WIDE_STEP else 1


def _cores() -> int:
    """Number of cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return cores or 1


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Sets torch's number of threads within the block; warns if it is so high that every step is slow."""
    if count > MAX_THREADS_PER_CORE * _cores():
        message = f"{count} threads for {_cores()} cores: every step is far slower than with one thread a core"
        warn(message)
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
