"""Random splits into samples that train a critic, select its checkpoint, and report its value."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ibtrain.backend.seeding import generator
from ibtrain.errors import ConfigError, DataError

__all__ = ["Splits", "draw_splits", "hold_out", "split_evenly"]

SELECTION_SHARE = 0.125
"""Share of the samples that do not report which is used for selection."""
TRACKED_SELECTION_SHARE = 0.1
"""Share of a layer's samples that select the scale of a tracked critic."""
MAX_SELECTION = 10_240
"""Largest number of selection samples: enough to distinguish checkpoints that differ by thousandths of a nat."""
MIN_SAMPLES = 40
"""Smallest number of samples that can be split."""
MIN_FOLD_SAMPLES = 8
"""Smallest number of samples that each fold reports on."""
MIN_BLOCKS = 2
"""Smallest number of blocks in a fold or group, from which a standard error can be estimated."""


@dataclass(frozen=True)
class Splits:
    """Indices of the samples that train a critic, select its checkpoint and report its value."""

    train: Tensor
    select: Tensor
    report: Tensor


def draw_splits(
    count: int, folds: int, seed: int, most: int | None = None, block: int = 1
) -> Iterator[Splits]:
    """Draws random disjoint splits for each fold; every sample reports in exactly one fold.

    The number of training and selection samples is limited to what a fit can use; all samples still report.
    Rows that depend on each other are split as whole blocks of consecutive rows.

    Args:
        count: Number of samples.
        folds: Number of folds, at least 2: in each, 1 / folds of the samples report, and the others train
            or select.
        seed: Seeds the random order.
        most: Largest number of training samples; None is no limit.
        block: Number of consecutive rows that stay together and in order; blocks of reporting rows stay whole.

    Yields:
        The splits of each fold.

    Raises:
        DataError: If there are too few samples.
        ConfigError: If there are too many folds for the samples, or too few blocks.
    """
    if count < MIN_SAMPLES:
        raise DataError(f"{count} samples", f"at least {MIN_SAMPLES} for three splits", "x and y")
    if count < MIN_FOLD_SAMPLES * folds:
        expected = f"at most {count // MIN_FOLD_SAMPLES} for {count} samples"
        raise ConfigError(folds, expected, "folds")
    randomness = generator(torch.device("cpu"), seed, "splits")
    # these four bytes per sample are the only memory that grows with the number of samples
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
            _take_outside(order, start, stop, selects, min(trains, most or trains)),
            _take_outside(order, start, stop, 0, min(selects, MAX_SELECTION)),
            report,
        )


def hold_out(
    count: int, randomness: torch.Generator, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Splits the samples of a layer at random into training samples and samples that select a critic's scale.

    Args:
        count: Number of samples.
        randomness: Random generator; the same state gives the same split.
        device: Device of the samples.

    Returns:
        Indices of the training samples, and of the selection samples.
    """
    selected = min(max(2, round(TRACKED_SELECTION_SHARE * count)), count - 2)
    order = torch.randperm(count, generator=randomness, device=device)
    return order[selected:], order[:selected]


def _in_blocks(count: int, block: int, folds: int, randomness: torch.Generator) -> Tensor:
    """Blocks of consecutive rows in random order; a shorter block stays the last one."""
    if math.ceil(count / block) < MIN_BLOCKS * folds:
        most = max(1, count // (MIN_BLOCKS * folds))
        raise ConfigError(block, f"at most {most} rows for {count} samples", "blocks")
    order = torch.randperm(count // block, generator=randomness)
    whole = torch.arange(count // block * block).view(-1, block)[order]
    return torch.cat([whole.flatten(), torch.arange(len(whole) * block, count)])


def _take_outside(order: Tensor, start: int, stop: int, first: int, count: int) -> Tensor:
    """``count`` samples from the ``first`` on, of those in ``order`` outside ``start`` to ``stop``."""
    places = torch.arange(first, first + count)
    return order[places + (places >= start) * (stop - start)].long()


def split_evenly(index: Tensor, parts: int, block: int = 1) -> list[Tensor]:
    """Splits samples into consecutive parts of nearly equal size.

    Args:
        index: Samples, where blocks start at the first one; the last block may be shorter.
        parts: Largest number of parts; there are fewer if a part would have less than two blocks.
        block: Number of consecutive samples that stay together; the sizes of parts differ by at most one block.
    """
    if block == 1:
        return list(index.tensor_split(parts))
    blocks = math.ceil(len(index) / block)
    parts = max(1, min(parts, blocks // MIN_BLOCKS))
    return list(index.tensor_split([block * (part * blocks // parts) for part in range(1, parts)]))
