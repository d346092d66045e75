"""What several processes that train one network, or share an estimate, exchange."""

import pickle
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from ibtrain.backend.process_group import alone, named_failure, num_processes, rank
from ibtrain.backend.random_layers import draws_random_numbers
from ibtrain.backend.seeding import seeded_on
from ibtrain.errors import IBTrainError

__all__ = [
    "all_rows",
    "copy_from_first",
    "from_first",
    "map_rows",
    "my_rows",
    "share_generators",
    "share_out",
    "sum_over_processes",
    "wait_for_all",
    "wait_for_first",
]

S = TypeVar("S")
T = TypeVar("T")


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
        with named_failure():
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
    with named_failure():
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
    with named_failure():
        dist.broadcast_object_list(values)
    return values[0]


def share_out(function: Callable[[S], T], items: Iterable[S]) -> list[T]:
    """A function's results for all items, each of which one process computes; all processes have all results.

    Every process makes all items, and must call this as often as the others.

    Args:
        function: Computes a result that can be pickled; within it, nothing is exchanged.
        items: The same items in every process.

    Raises:
        Exception: The first one that the function raises in any process, in all of them.
    """
    count = num_processes()
    # by map: no variable holds an item while the next one is made
    if count == 1:
        return list(map(function, items))
    own_items = islice(items, rank(), None, count)
    results: list[T] = []
    error: Exception | None = None
    with alone():
        try:
            results.extend(map(function, own_items))
        except Exception as raised:
            # told to the others, which would wait
            error = raised
    gathered: list[tuple[list[T], Exception | None]] = [([], None)] * count
    with named_failure():
        dist.all_gather_object(gathered, (results, _portable(error)))
    of_processes = [part for part, _ in gathered]
    # the first process had the first item of each turn, and the last turn may be short
    failed = {len(part) * count + i: e for i, (part, e) in enumerate(gathered) if e is not None}
    if failed:
        first = failed[min(failed)]
        if isinstance(first, IBTrainError):
            first.met_by_all = True
        raise first
    return [of_processes[i % count][i // count] for i in range(sum(map(len, of_processes)))]


def _portable(error: Exception | None) -> Exception | None:
    """An error that other processes can make again: itself, or what it says."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


@torch.no_grad()
def copy_from_first(tensors: Sequence[Tensor]) -> None:
    """Replaces each tensor by that of the first process.

    Args:
        tensors: Tensors of the same shapes in every process.
    """
    if num_processes() > 1:
        with named_failure():
            for tensor in tensors:
                dist.broadcast(tensor.data, 0)


def share_generators() -> None:
    """Sets torch's global generators to the state that they have in the first process."""
    if num_processes() > 1:
        torch.set_rng_state(from_first(torch.get_rng_state()))
        if torch.cuda.is_available():
            torch.cuda.set_rng_state(from_first(torch.cuda.get_rng_state()))


def wait_for_all() -> None:
    """Waits until all processes have called this."""
    # not by dist.barrier, for which NCCL asks for a device
    share_out(lambda number: number, range(num_processes()))


def wait_for_first() -> None:
    """Waits, in all processes but the first, until the first one has called this, too."""
    from_first(None)
