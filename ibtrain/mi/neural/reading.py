"""Values of fitted critics on any number of samples, which are read into memory in chunks."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor, nn

from ibtrain.mi.bounds.base import Bound
from ibtrain.mi.bounds.grouped import read_groups
from ibtrain.mi.bounds.pooled import BoundValue, Scores
from ibtrain.mi.neural.scorer import Scorer
from ibtrain.mi.neural.splits import split_evenly
from ibtrain.mi.samples import Samples, StoredSamples

__all__ = ["Source", "read_values"]

CHUNK_SAMPLES = 1 << 16
"""Reporting samples that are read into memory at once."""
CHUNK_SCORES = 1 << 24
"""Scores that are computed at once for labels, which have one for each class."""


@dataclass(frozen=True)
class Source:
    """Samples, and the critics that score them.

    Args:
        samples: The samples, in memory or on disk.
        scorer: Adds the scores of a critic to those of the closed form.
        critics: The critics; None is the closed form alone.
    """

    samples: Samples | StoredSamples
    scorer: Scorer
    critics: Sequence[nn.Module | None]


def read_values(sources: Sequence[Source], rows: Tensor, bound: Bound) -> list[BoundValue]:
    """Evaluates a bound for the critics of all sources on the same rows.

    Args:
        sources: Samples with the same rows, and as many groups of rows, in all sources.
        rows: Row numbers, in blocks if rows depend on each other.
        bound: Bound to evaluate.

    Returns:
        The value of each critic, source by source. Their influences can be subtracted: they belong to the same samples,
        or to the same rotation of them.
    """
    first = sources[0].samples

    def groups() -> Iterator[Iterator[Scores]]:
        size = max(1, min(CHUNK_SAMPLES, CHUNK_SCORES // max(1, first.num_classes)))
        for chunk in split_evenly(rows, math.ceil(len(rows) / size), first.block):
            index = torch.arange(len(chunk), device=sources[0].scorer.device)
            of_sources = [
                source.scorer.of(source.samples.take(chunk.numpy())).groups(
                    source.critics, index, first.block
                )
                for source in sources
            ]
            for of_group in zip(*of_sources, strict=True):
                yield chain.from_iterable(of_group)

    return read_groups(groups(), bound, first.block)
