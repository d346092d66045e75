"""Which samples train a critic, which choose its moment, and which report."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ibtrain.errors import DataError
from ibtrain.seeding import generator

__all__ = ["Splits", "draw_splits"]

REPORTS = 0.2
"""Share of the samples that report where there is one fold."""
SELECTS = 0.125
"""Share of the others that select."""
FEWEST = 40
"""Samples below which there is nothing to split."""


@dataclass(frozen=True)
class Splits:
    """Indices of the samples that train the critic, select it and report its value."""

    train: Tensor
    select: Tensor
    report: Tensor


def draw_splits(count: int, folds: int, seed: int) -> Iterator[Splits]:
    """Disjoint parts at random; over several folds every sample reports once.

    Args:
        count: Samples.
        folds: How many critics are fitted, each of which a share of 1 / folds never meets.
        seed: Of the order.

    Raises:
        DataError: There are too few samples.
    """
    if count < FEWEST:
        raise DataError(f"{count} samples", f"at least {FEWEST} for three splits", "x and y")
    order = torch.randperm(count, generator=generator(torch.device("cpu"), seed, "splits"))
    parts = order.tensor_split(folds) if folds > 1 else [order[: round(REPORTS * count)]]
    start = 0
    for report in parts:
        others = torch.cat([order[:start], order[start + len(report) :]])
        selects = round(SELECTS * len(others))
        yield Splits(others[selects:], others[:selects], report)
        start += len(report)
