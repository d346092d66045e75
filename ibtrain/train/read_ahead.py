"""Reads the samples of the next batches from the disk while the network trains on the last ones."""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from ibtrain.backend.paging import advise, row_pages
from ibtrain.train.order import RANDOM_BYTES

__all__ = ["read_ahead"]


def read_ahead(
    x: Tensor, batches: Sequence[Int[Tensor, " batch"]]
) -> Iterator[Int[Tensor, " batch"]]:
    """Yields the batches; pages of samples that may be in a mapped file are asked for up to 256 MiB before they are needed.

    The system's own guess reads the neighbours of a sample, too many or too few, when a step waits for it.

    Args:
        x: All samples ``(samples, ...)``; nothing is asked for if they are on another device, or as few as are read in any order.
        batches: Indices of the samples of each batch.
    """
    is_large = x.device.type == "cpu" and x.nbytes > RANDOM_BYTES and x.is_contiguous()
    if not (is_large and batches):
        yield from batches
        return
    count = max(1, RANDOM_BYTES // (x[0].nbytes * len(batches[0])))
    parts = [batches[start : start + count] for start in range(0, len(batches), count)]
    advise(x, "RANDOM")
    try:
        for run in _runs(x, parts[0]):
            advise(x, "WILLNEED", run)
        for part, following in zip(parts, [*parts[1:], ()], strict=True):
            runs = _runs(x, following)
            for k, batch in enumerate(part):
                # an equal share at each step: if all were asked for at once, a step would wait for the disk
                for run in runs[k * len(runs) // len(part) : (k + 1) * len(runs) // len(part)]:
                    advise(x, "WILLNEED", run)
                yield batch
    finally:
        # frozen blocks and evaluations read the samples from the first to the last
        advise(x, "NORMAL")


def _runs(x: Tensor, batches: Sequence[Tensor]) -> list[tuple[int, int]]:
    return list(map(tuple, row_pages(x, torch.cat([*batches])).tolist())) if batches else []
