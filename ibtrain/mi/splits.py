"""Which samples train a critic, which choose its moment, and which report."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ibtrain.errors import ConfigError, DataError
from ibtrain.seeding import generator

__all__ = ["Splits", "draw_splits"]

SELECTS = 0.125
"""Share of the samples that do not report which select."""
MOST_SELECT = 10_240
"""Samples that select, at most: they tell checkpoints apart by thousandths of a nat."""
FEWEST = 40
"""Samples below which there is nothing to split."""
FEWEST_OF_FOLD = 8
"""Samples that each fold reports on, at least."""


@dataclass(frozen=True)
class Splits:
    """Indices of the samples that train the critic, select it and report its value."""

    train: Tensor
    select: Tensor
    report: Tensor


def draw_splits(count: int, folds: int, seed: int, most: int | None = None) -> Iterator[Splits]:
    """Disjoint parts at random; over all folds every sample reports once.

    Of many samples, no more train or select than a fit can use; the others only report.

    Args:
        count: Samples.
        folds: In how many ways they are split, at least 2: 1 / folds of them report each time, the
            others train or select.
        seed: Of the order.
        most: Samples that train; None is as many as there are.

    Raises:
        DataError: There are too few samples.
        ConfigError: There are too few for so many folds.
    """
    if count < FEWEST:
        raise DataError(f"{count} samples", f"at least {FEWEST} for three splits", "x and y")
    if count < FEWEST_OF_FOLD * folds:
        expected = f"at most {count // FEWEST_OF_FOLD} for {count} samples"
        raise ConfigError(folds, expected, "folds")
    randomness = generator(torch.device("cpu"), seed, "splits")
    # four bytes a sample are all that grows with their number
    dtype = torch.int32 if count <= torch.iinfo(torch.int32).max else torch.int64
    order = torch.randperm(count, generator=randomness, dtype=dtype)
    stop = 0
    for report in order.tensor_split(folds):
        start, stop = stop, stop + len(report)
        selects = round(SELECTS * (count - len(report)))
        trains = count - len(report) - selects
        yield Splits(
            _around(order, start, stop, selects, min(trains, most or trains)),
            _around(order, start, stop, 0, min(selects, MOST_SELECT)),
            report,
        )


def _around(order: Tensor, start: int, stop: int, first: int, count: int) -> Tensor:
    """So many of an order's samples that are not from start to stop, from the first-th of them on."""
    places = torch.arange(first, first + count)
    return order[places + (places >= start) * (stop - start)].long()
