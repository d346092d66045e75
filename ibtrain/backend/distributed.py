"""Several processes that train one network: each evaluates its rows of every batch."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from datetime import timedelta
from itertools import islice
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from ibtrain.backend.random_layers import draws_random_numbers
from ibtrain.backend.seeding import seeded_on
from ibtrain.errors import ConfigError, LostProcessError

__all__ = [
    "all_rows",
    "alone",
    "check_device",
    "copy_from_first",
    "data_parallel",
    "from_first",
    "is_launched",
    "local_processes",
    "map_rows",
    "my_rows",
    "num_processes",
    "process_group",
    "rank",
    "share_generators",
    "share_out",
    "sum_over_processes",
    "wait_for_first",
]

PATIENCE = timedelta(days=7)
"""How long an exchange waits, also while the first process measures a plane; a process that ends is noticed at once."""
LOST_SIGNS = ("connection", "timed out", "socket", "peer", "reset", "broken pipe")
"""Words in gloo's errors, of no class of their own, that tell of a process that has ended."""

_is_parallel = ContextVar("data_parallel", default=False)

S = TypeVar("S")
T = TypeVar("T")


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
    # the first optimizer imports it; its defaults would then keep the group, whose threads may abort the process at its exit
    import torch.distributed.nn.functional

    local = int(os.environ["LOCAL_RANK"])
    if local < torch.cuda.device_count():
        torch.cuda.set_device(local)
    try:
        dist.init_process_group(timeout=PATIENCE)
    except RuntimeError as error:
        given = f"no connection to the other processes ({_first_line(error)})"
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

    Every process calls the same trainers with the same data and seeds. It evaluates its rows of every batch; outputs of blocks are
    gathered from all of them, so that critics and losses see the whole batch, and gradients are summed. The weights of the first
    process are those at the start. Weights and metrics are those of a single process, to rounding. Batch normalisation has the
    statistics of the rows of each process, and dropout within a block independent masks for them.

    Raises:
        ConfigError: If the processes have no group.
    """
    if not dist.is_initialized():
        raise ConfigError(
            "no process group", "torch.distributed.init_process_group()", "data_parallel"
        )
    with _parallel(True):
        yield


def alone() -> AbstractContextManager[None]:
    """Exchanges nothing within the block, which not every process executes."""
    return _parallel(False)


@contextmanager
def _parallel(is_parallel: bool) -> Iterator[None]:
    token = _is_parallel.set(is_parallel)
    try:
        yield
    finally:
        _is_parallel.reset(token)


def local_processes() -> int:
    """Number of processes on this machine that train one network."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if _is_parallel.get() else 1


def num_processes() -> int:
    """Number of processes that train one network."""
    return dist.get_world_size() if _is_parallel.get() else 1


def rank() -> int:
    """Number of this process among them, from 0; the first one writes."""
    return dist.get_rank() if _is_parallel.get() else 0


def my_rows(batch: Shaped[Tensor, "batch *shape"]) -> Shaped[Tensor, "rows *shape"]:
    """The rows of a batch that this process evaluates; their numbers differ by at most one.

    Args:
        batch: The whole batch.
    """
    count = num_processes()
    return batch if count == 1 else batch.tensor_split(count)[rank()]


def map_rows(
    block: nn.Module, rows: Float[Tensor, "rows *shape_x"]
) -> Float[Tensor, "rows *shape_h"]:
    """A block's outputs for the rows of this process, whose dropout and noise are independent of other processes'.

    Args:
        block: Maps rows.
        rows: What :func:`my_rows` gave.
    """
    outputs: Tensor
    if num_processes() == 1 or not any(map(draws_random_numbers, block.modules())):
        outputs = block(rows)
        return outputs
    # drawn in every process, whose common generators stay alike
    seed = int(torch.randint(1 << 62, ()))
    with seeded_on(rows.device, seed, rank()):
        outputs = block(rows)
        return outputs


def all_rows(rows: Float[Tensor, "rows *shape"], batch_size: int) -> Float[Tensor, "batch *shape"]:
    """The rows of all processes, in order; the gradient of each process's rows is that of its own loss.

    All processes must compute the same loss of the result. The gradient then is that of the loss of the whole batch, also
    of a logarithm of a mean over it.

    Args:
        rows: What :func:`my_rows` gave, mapped row by row.
        batch_size: Number of rows of all processes.
    """
    gathered: Tensor = rows if num_processes() == 1 else _AllRows.apply(rows, batch_size)
    return gathered


class _AllRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, batch_size: int) -> Tensor:
        sizes = [len(part) for part in torch.empty(batch_size).tensor_split(num_processes())]
        # backward passes on CUDA are in another thread, which does not see the context
        ctx.sizes, ctx.rank = sizes, rank()
        # of one size, as gloo needs it
        padded = rows.new_zeros(max(sizes), *rows.shape[1:])
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in sizes]
        with _named_failure():
            dist.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient.split(ctx.sizes)[ctx.rank], None


@torch.no_grad()
def sum_over_processes(tensors: Sequence[Tensor]) -> None:
    """Replaces each tensor by its sum over all processes, in one exchange.

    Args:
        tensors: Tensors of one type, the same ones in every process.
    """
    if num_processes() == 1 or not tensors:
        return
    vector = torch.cat([tensor.flatten() for tensor in tensors])
    with _named_failure():
        dist.all_reduce(vector)
    parts = vector.split([tensor.numel() for tensor in tensors])
    torch._foreach_copy_(
        list(tensors), [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]
    )


def from_first(value: T) -> T:
    """The value that the first process has.

    Args:
        value: The value of this process.
    """
    if num_processes() == 1:
        return value
    values = [value]
    with _named_failure():
        dist.broadcast_object_list(values, device=torch.device("cpu"))
    return values[0]


def share_out(function: Callable[[S], T], items: Iterable[S]) -> list[T]:
    """A function's results for all items, each of which one process computes; all processes have all results.

    Args:
        function: Computes a result that can be pickled; within it, nothing is exchanged.
        items: The same items in every process.
    """
    count = num_processes()
    mine = islice(items, rank(), None, count)
    with alone():
        # no variable holds an item while the next one is made
        results = list(map(function, mine))
    if count == 1:
        return results
    of_processes: list[list[T]] = [[] for _ in range(count)]
    with _named_failure():
        dist.all_gather_object(of_processes, results)
    # the first process had the first item of each turn, and the last turn may be short
    return [of_processes[i % count][i // count] for i in range(sum(map(len, of_processes)))]


@torch.no_grad()
def copy_from_first(tensors: Sequence[Tensor]) -> None:
    """Replaces each tensor by that of the first process.

    Args:
        tensors: Tensors of the same shapes in every process.
    """
    if num_processes() > 1:
        with _named_failure():
            for tensor in tensors:
                dist.broadcast(tensor.data, 0)


def share_generators() -> None:
    """Sets torch's global generators to the state that they have in the first process."""
    if num_processes() > 1:
        torch.set_rng_state(from_first(torch.get_rng_state()))
        if torch.cuda.is_available():
            torch.cuda.set_rng_state(from_first(torch.cuda.get_rng_state()))


def wait_for_first() -> None:
    """Waits, in all processes but the first, until the first one has called this, too."""
    from_first(None)


@contextmanager
def _named_failure() -> Iterator[None]:
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


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
