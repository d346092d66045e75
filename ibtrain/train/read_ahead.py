"""Reads the samples of the next batches from the disk while the network trains on the current ones."""

from collections.abc import Iterator

from jaxtyping import Int
from torch import Tensor

from ibtrain.backend.paging import random_reads, read_soon
from ibtrain.train.order import SHARDS_AT_ONCE, EpochOrder

__all__ = ["batches_of"]


def batches_of(
    x: Tensor, order: EpochOrder, batch_size: int, done: int = 0
) -> Iterator[Int[Tensor, " batch"]]:
    """The batches of an epoch; the shards of large samples on the CPU are read from the disk before they are needed.

    A shard is asked for 1,024 shards (128 MiB) before its place in the order, so that up to 256 MiB are in use, and nothing else is read.
    Otherwise each step would wait for page faults, at which the system reads too many or too few neighbours of a sample.

    Args:
        x: All samples, ``(samples, ...)``.
        order: Their order.
        batch_size: Number of samples of a batch; a last, smaller batch is left out.
        done: Number of batches of the epoch that are done already.

    Yields:
        The indices of the samples of each batch.
    """
    count = len(x) // batch_size
    batches = order.samples[: count * batch_size].view(-1, batch_size).unbind()
    if order.shards is None or x.device.type != "cpu" or not x.is_contiguous():
        yield from batches[done:]
        return
    shards, size = order.shards.tolist(), order.shard_size
    # from the first shard of those that are mixed with the next sample
    asked = done * batch_size // (size * SHARDS_AT_ONCE) * SHARDS_AT_ONCE
    with random_reads(x):
        for index, batch in enumerate(batches[done:], done + 1):
            # one more: after the small last shard, samples are of a later shard than their place says
            needed = -(-index * batch_size // size) + 1 + SHARDS_AT_ONCE
            for shard in shards[asked:needed]:
                read_soon(x[shard * size : (shard + 1) * size])
            asked = needed
            yield batch
