"""Which samples train a critic, which choose its moment, and which report."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ibtrain.backend.seeding import generator
from ibtrain.errors import ConfigError, DataError

__all__ = ["Splits", "draw_splits", "hold_out", "split_evenly"]

SELECTION_SHARE = 0.125
"""Share of the samples that do not report which select."""
TRACKED_SELECTION_SHARE = 0.1
"""Share of the samples of a layer that select the scale of a critic that follows it."""
MAX_SELECTION = 10_240
"""Samples that select, at most: they tell checkpoints apart by thousandths of a nat."""
MIN_SAMPLES = 40
"""Samples below which there is nothing to split."""
MIN_FOLD_SAMPLES = 8
"""Samples that each fold reports on, at least."""
BLOCKS_OF_PART = 2
"""Blocks in each part, at least, so that their spread can be told."""


@dataclass(frozen=True)
class Splits:
    """Indices of the samples that train the critic, select it and report its value."""

    train: Tensor
    select: Tensor
    report: Tensor


def draw_splits(
    count: int, folds: int, seed: int, most: int | None = None, block: int = 1
) -> Iterator[Splits]:
    """Disjoint parts at random; over all folds every sample reports once.

    Of many samples, no more train or select than a fit can use; the others only report. Rows that depend on
    each other are split as whole blocks of consecutive rows.

    Args:
        count: Samples.
        folds: In how many ways they are split, at least 2: 1 / folds of them report each time, the
            others train or select.
        seed: Of the order.
        most: Samples that train; None is as many as there are.
        block: Consecutive rows that stay together, and in order; no block of those that report is cut.

    Raises:
        DataError: If there are too few samples.
        ConfigError: If there are too few for so many folds, or too few blocks.
    """
    if count < MIN_SAMPLES:
        raise DataError(f"{count} samples", f"at least {MIN_SAMPLES} for three splits", "x and y")
    if count < MIN_FOLD_SAMPLES * folds:
        expected = f"at most {count // MIN_FOLD_SAMPLES} for {count} samples"
        raise ConfigError(folds, expected, "folds")
    randomness = generator(torch.device("cpu"), seed, "splits")
    # four bytes a sample are all that grows with their number
    dtype = torch.int32 if count <= torch.iinfo(torch.int32).max else torch.int64
    if block == 1:
        order = torch.randperm(count, generator=randomness, dtype=dtype)
    else:
        order = _in_blocks(count, block, folds, randomness).to(dtype)
    stop = 0
    for report in split_evenly(order, folds, block):
        start, stop = stop, stop + len(report)
        selects = round(SELECTION_SHARE * (count - len(report)))
        trains = count - len(report) - selects
        yield Splits(
            _around(order, start, stop, selects, min(trains, most or trains)),
            _around(order, start, stop, 0, min(selects, MAX_SELECTION)),
            report,
        )


def hold_out(count: int, randomness: torch.Generator) -> tuple[Tensor, Tensor]:
    """Random samples of a layer that train a critic, and those that select its scale.

    Args:
        count: Number of samples.
        randomness: Source of the order, on the device used; the same state gives the same samples.

    Returns:
        Indices of the training samples, and of the selection samples.
    """
    selected = min(max(2, round(TRACKED_SELECTION_SHARE * count)), count - 2)
    order = torch.randperm(count, generator=randomness, device=randomness.device)
    return order[selected:], order[:selected]


def _in_blocks(count: int, block: int, folds: int, randomness: torch.Generator) -> Tensor:
    """Blocks of consecutive rows in random order; one may be shorter, and stays the last."""
    if math.ceil(count / block) < BLOCKS_OF_PART * folds:
        most = max(1, count // (BLOCKS_OF_PART * folds))
        raise ConfigError(block, f"at most {most} rows for {count} samples", "blocks")
    order = torch.randperm(count // block, generator=randomness)
    whole = torch.arange(count // block * block).view(-1, block)[order]
    return torch.cat([whole.flatten(), torch.arange(len(whole) * block, count)])


def _around(order: Tensor, start: int, stop: int, first: int, count: int) -> Tensor:
    """So many of an order's samples that are not from start to stop, from the first-th of them on."""
    places = torch.arange(first, first + count)
    return order[places + (places >= start) * (stop - start)].long()


def split_evenly(index: Tensor, parts: int, block: int = 1) -> list[Tensor]:
    """Consecutive parts that differ by a block at most; there are fewer where each must have two blocks.

    Args:
        index: Samples, in blocks from the first on; the last block may be shorter.
        parts: How many.
        block: Samples that are not cut apart.
    """
    if block == 1:
        return list(index.tensor_split(parts))
    blocks = math.ceil(len(index) / block)
    parts = max(1, min(parts, blocks // BLOCKS_OF_PART))
    return list(index.tensor_split([block * (part * blocks // parts) for part in range(1, parts)]))
