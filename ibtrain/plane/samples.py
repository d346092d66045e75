"""The samples on which a plane is measured."""

from collections.abc import Mapping

import torch
from jaxtyping import Int
from torch import Tensor

from ibtrain.backend.seeding import generator
from ibtrain.config import PlaneConfig
from ibtrain.data.dataset import Dataset

__all__ = ["draw_index", "measured_labels", "measured_samples"]


def draw_index(total: int, count: int) -> Int[Tensor, " n"]:
    """Indices of at most ``count`` of ``total`` samples, the same in all runs.

    The samples are drawn at random, because many data sets are sorted by class.
    """
    if count >= total:
        return torch.arange(total)
    return torch.randperm(total, generator=generator(torch.device("cpu"), 0, "plane"))[:count]


def measured_samples(data: Dataset, config: PlaneConfig) -> dict[str, Int[Tensor, " n"]]:
    """The samples on which the plane is measured: their indices in each split.

    Args:
        data: The data set.
        config: ``config.on`` says which splits, ``config.samples`` how many samples at most.
    """
    names = list(data.splits) if config.on == "all" else [config.on]
    sizes = [len(data.splits[name]) for name in names]
    chosen = draw_index(sum(sizes), config.samples)
    index, first = {}, 0
    for name, size in zip(names, sizes, strict=True):
        inside = chosen[(chosen >= first) & (chosen < first + size)] - first
        index[name] = inside.to(data.train.y.device)
        first += size
    return index


def measured_labels(data: Dataset, index: Mapping[str, Int[Tensor, " n"]]) -> Int[Tensor, " m"]:
    """Labels of :func:`measured_samples`, in their order.

    Args:
        data: The data set.
        index: Indices in each split.
    """
    return torch.cat([data.splits[name].y[rows] for name, rows in index.items()])
