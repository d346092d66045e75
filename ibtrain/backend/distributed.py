"""Several processes that train one network: each evaluates its rows of every batch."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from jaxtyping import Float, Shaped
from torch import Tensor

from ibtrain.errors import ConfigError, LostProcessError

__all__ = [
    "all_rows",
    "data_parallel",
    "from_first",
    "is_launched",
    "my_rows",
    "num_processes",
    "process_group",
    "rank",
    "sum_over_processes",
]

_is_parallel = ContextVar("data_parallel", default=False)

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
    """
    if not is_launched():
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    dist.init_process_group()
    try:
        with data_parallel():
            yield
    finally:
        dist.destroy_process_group()


@contextmanager
def data_parallel() -> Iterator[None]:
    """Trains each network in all processes of ``torch.distributed`` within the block.

    Every process calls the same trainers with the same data and seeds. It evaluates its rows of every batch; outputs of blocks are
    gathered from all of them, so that critics and losses see the whole batch, and gradients are summed. Weights and
    metrics are those of a single process, to rounding. Batch normalisation has the statistics of the rows of each process.

    Raises:
        ConfigError: If the processes have no group.
    """
    if not dist.is_initialized():
        raise ConfigError(
            "no process group", "torch.distributed.init_process_group()", "data_parallel"
        )
    token = _is_parallel.set(True)
    try:
        yield
    finally:
        _is_parallel.reset(token)


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


@contextmanager
def _named_failure() -> Iterator[None]:
    """Turns the failure of an exchange into one line.

    Raises:
        LostProcessError: If another process has ended, or does not answer.
    """
    try:
        yield
    except RuntimeError as error:
        # of gloo and of NCCL: of a closed connection, or after a time limit
        raise LostProcessError from error
