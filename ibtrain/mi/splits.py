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


def draw_splits(count: int, folds: int, seed: int) -> Iterator[Splits]:
    """Disjoint parts at random; over all folds every sample reports once.

    Args:
        count: Samples.
        folds: In how many ways they are split, at least 2: 1 / folds of them report each time, the
            others train or select.
        seed: Of the order.

    Raises:
        DataError: There are too few samples.
        ConfigError: There are too few for so many folds.
    """
    if count < FEWEST:
        raise DataError(f"{count} samples", f"at least {FEWEST} for three splits", "x and y")
    if count < FEWEST_OF_FOLD * folds:
        expected = f"at most {count // FEWEST_OF_FOLD} for {count} samples"
        raise ConfigError(folds, expected, "folds")
    order = torch.randperm(count, generator=generator(torch.device("cpu"), seed, "splits"))
    start = 0
    for report in order.tensor_split(folds):
        others = torch.cat([order[:start], order[start + len(report) :]])
        selects = round(SELECTS * len(others))
        yield Splits(others[selects:], others[:selects], report)
        start += len(report)
