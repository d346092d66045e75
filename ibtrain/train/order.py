"""The order of the samples of an epoch."""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

__all__ = ["SHARDS_AT_ONCE", "EpochOrder", "epoch_order"]

RANDOM_BYTES = 1 << 28
"""Largest size in bytes of samples that are read in any order; a constant, so that an order is the same on every machine."""
SHARD_BYTES = 1 << 17
"""Size in bytes of a shard: neighbouring samples, which are read from a disk together."""
SHARDS_AT_ONCE = 1024
"""Number of shards, drawn at random, whose samples are mixed: 128 MiB, which the cache of a small machine holds twice."""


@dataclass(frozen=True)
class EpochOrder:
    """The order of the samples of an epoch.

    Args:
        samples: Indices of all samples.
        shards: Indices of the shards, in the order in which they are read; None if the samples are few enough for any order.
        shard_size: Number of samples of a shard; shard i has those from ``i * shard_size`` on, and the last one may have fewer.
    """

    samples: Int[Tensor, " samples"]
    shards: Int[Tensor, " shards"] | None = None
    shard_size: int = 1


def epoch_order(
    count: int, sample_bytes: int, rng: torch.Generator, device: torch.device
) -> EpochOrder:
    """A random order of samples; that of samples which may be on a disk reads a part of them after another.

    Samples of more than 256 MiB are divided into shards of neighbours. The shards are taken in random order, and the samples of
    every 1,024 of them in random order: 128 MiB of samples are read at a time, each sample once in an epoch.

    Args:
        count: Number of samples.
        sample_bytes: Size of a sample in bytes.
        rng: Draws the order.
        device: Device of the indices, on which ``rng`` can draw.
    """
    if count * sample_bytes <= RANDOM_BYTES:
        return EpochOrder(torch.randperm(count, generator=rng, device=device))
    size = max(1, SHARD_BYTES // sample_bytes)
    shards = torch.randperm(-(-count // size), generator=rng, device=device)
    parts = []
    for group in shards.split(SHARDS_AT_ONCE):
        samples = (group[:, None] * size + torch.arange(size, device=device)).flatten()
        # the last shard may be smaller
        samples = samples[samples < count]
        mixed = torch.randperm(len(samples), generator=rng, device=device)
        parts.append(samples[mixed])
    return EpochOrder(torch.cat(parts), shards, size)
