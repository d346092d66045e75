"""The processes of torchrun, and when they share a training or an estimate."""

import importlib
import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from ibtrain.errors import ConfigError, LostProcessError

__all__ = [
    "alone",
    "check_device",
    "data_parallel",
    "is_launched",
    "local_processes",
    "local_rank",
    "local_ranks",
    "named_failure",
    "num_processes",
    "process_group",
    "rank",
]

PATIENCE = timedelta(days=7)
"""How long an exchange waits, also for a process whose share of a plane or an estimate takes longer; one that ends is noticed at once."""

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PROCESS_NUMBERS = Path("/proc/self/ns/pid")
LOST_SIGNS = ("connection", "timed out", "socket", "peer", "reset", "broken pipe")
"""Words in gloo's errors, of no class of their own, that tell of a process that has ended."""

_local_ranks: ContextVar[tuple[int, ...]] = ContextVar("local_ranks", default=())
"""Numbers of the processes of this machine that share the work, in order; none where this process works alone."""


def is_launched() -> bool:
    """Whether torchrun has started this process as one of several."""
    return (
        dist.is_available() and dist.is_torchelastic_launched() and os.environ["WORLD_SIZE"] != "1"
    )


@contextmanager
def process_group() -> Iterator[None]:
    """Joins the processes that torchrun has started, and trains data-parallel within the block.

    Without torchrun, nothing changes. With CUDA each process has the device of its local rank.

    Raises:
        ConfigError: If the processes don't find each other.
    """
    if not is_launched():
        yield
        return
    local = int(os.environ["LOCAL_RANK"])
    if local < torch.cuda.device_count():
        torch.cuda.set_device(local)
    try:
        dist.init_process_group(timeout=PATIENCE)
    except RuntimeError as error:
        reason = str(error).strip().partition("\n")[0]
        given = f"no connection to the other processes ({reason})"
        raise ConfigError(given, "the same rendezvous options in all", "torchrun") from error
    try:
        with data_parallel():
            yield
    finally:
        dist.destroy_process_group()


def check_device(device: torch.device) -> None:
    """Checks that each process of this machine can have a device.

    Args:
        device: What the run trains on.

    Raises:
        ConfigError: If it can't be shared, or if there are more processes than GPUs.
    """
    count = local_processes()
    if count == 1 or device.type == "cpu":
        return
    if device.type != "cuda":
        raise ConfigError(device.type, "cpu or cuda with several processes", "device")
    gpus = torch.cuda.device_count()
    if count > gpus:
        expected = f"at most {gpus}, the number of GPUs, or --device cpu"
        raise ConfigError(f"{count} processes", expected, "torchrun --nproc-per-node")


@contextmanager
def data_parallel() -> Iterator[None]:
    """Trains each network in all processes of ``torch.distributed`` within the block.

    All processes of the group must enter the block, and call the same trainers with the same data and seeds. Each evaluates its rows of every batch; outputs of blocks, or what
    critics read of them, are gathered from all of them, so that critics and losses see the whole batch, and gradients are summed. The weights of the first
    process are those at the start. Weights and metrics are those of a single process, to rounding. Batch normalisation has the
    statistics of the rows of each process, and dropout within a block independent masks for them.

    Estimates (:func:`~ibtrain.estimate`, :func:`~ibtrain.mi_matrix`) and points of an :class:`~ibtrain.InformationPlane`, in training or
    of a watched model, share their work, and have the values of a single process. A process that makes one alone waits for the others;
    the trainers of all processes must have planes with the same settings.

    Raises:
        ConfigError: If the processes have no group.
        LostProcessError: If another process has ended.
    """
    if not dist.is_initialized():
        raise ConfigError(
            "no process group", "torch.distributed.init_process_group()", "data_parallel"
        )
    _import_without_group()
    with _parallel(_ranks_here()):
        yield


def _ranks_here() -> tuple[int, ...]:
    """Numbers of the group's processes on this machine. What torchrun says is of its processes, not of the group."""
    # containers of one machine may have its name, and processes with the same numbers
    boot = BOOT_ID.read_text() if BOOT_ID.exists() else ""
    numbers = PROCESS_NUMBERS.readlink() if PROCESS_NUMBERS.is_symlink() else ""
    machine = (socket.gethostname(), boot, str(numbers))
    machines = [machine] * dist.get_world_size()
    with named_failure():
        dist.all_gather_object(machines, machine)
    return tuple(number for number, other in enumerate(machines) if other == machine)


@contextmanager
def named_failure() -> Iterator[None]:
    """Turns the failure of an exchange into one line.

    Raises:
        LostProcessError: If another process has ended, or does not answer.
    """
    try:
        yield
    except RuntimeError as error:
        is_lost = any(sign in str(error).lower() for sign in LOST_SIGNS)
        if not is_lost and not isinstance(error, dist.DistError):
            raise
        raise LostProcessError from error


def _import_without_group() -> None:
    """Imports what the first optimizer would import: its defaults would keep the group, whose threads may then abort the process at its exit."""
    world = dist.group.WORLD
    dist.group.WORLD = None
    try:
        importlib.import_module("torch.distributed.nn.functional")
    finally:
        dist.group.WORLD = world


def alone() -> AbstractContextManager[None]:
    """Exchanges nothing within the block, which not every process executes."""
    return _parallel(())


@contextmanager
def _parallel(ranks: tuple[int, ...]) -> Iterator[None]:
    token = _local_ranks.set(ranks)
    try:
        yield
    finally:
        _local_ranks.reset(token)


def local_ranks() -> tuple[int, ...]:
    """Numbers of the processes of this machine that share a training or an estimate, in order."""
    return _local_ranks.get() or (0,)


def local_processes() -> int:
    """Number of processes of this machine that share a training or an estimate."""
    return len(local_ranks())


def local_rank() -> int:
    """Number of this process among them, from 0."""
    return local_ranks().index(rank())


def num_processes() -> int:
    """Number of processes that share a training or an estimate."""
    return dist.get_world_size() if _local_ranks.get() else 1


def rank() -> int:
    """Number of this process among all, from 0; the first one writes."""
    return dist.get_rank() if _local_ranks.get() else 0
