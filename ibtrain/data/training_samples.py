"""Changes of the training samples: a part of them, and labels that are replaced at random."""

from dataclasses import replace

import torch
from jaxtyping import Int
from torch import Tensor

from ibtrain.backend.seeding import generator
from ibtrain.data.copies import draw_distinct
from ibtrain.data.dataset import Dataset, Split
from ibtrain.errors import DataError

__all__ = ["replace_labels", "take_samples", "take_share"]

CPU = torch.device("cpu")


def take_share(data: Dataset, share: float, seed: int) -> Dataset:
    """Keeps a random share of the training samples; with one seed, a smaller share is a part of a larger one.

    A sample is kept or left out together with all its copies: otherwise half of the samples could still hold nearly
    all distinct ones.

    Args:
        data: The data set.
        share: Share of the training samples, above 0 and at most 1.
        seed: Seeds the choice.

    Raises:
        DataError: If too few samples remain, or none of a class.
    """
    order = torch.randperm(len(data.train), generator=generator(CPU, seed, "train share"))
    return _first(data, order, round(share * len(data.train)))


def take_samples(data: Dataset, count: int, seed: int) -> Dataset:
    """Keeps a number of random training samples, with the shares of the classes in the data set.

    The number of samples of a class differs by at most one from its share of ``count``. With one seed, a smaller number
    of samples is a part of a larger one. A sample is kept or left out together with all its copies.

    Args:
        data: The data set.
        count: Number of training samples.
        seed: Seeds the choice.

    Raises:
        DataError: If there are fewer training samples, or none of a class remains.
    """
    train = data.train
    if count > len(train):
        raise DataError(count, f"at most {len(train)}, all training samples", "train_samples")
    order = torch.randperm(len(train), generator=generator(CPU, seed, "train samples"))
    # the k-th of the n samples of a class comes at k / n of the way through all of them
    classes = train.y.cpu()[order]
    ranks = torch.nn.functional.one_hot(classes).cumsum(0).gather(1, classes[:, None])[:, 0]
    place = (ranks.double() - 0.5) / classes.bincount()[classes]
    return _first(data, order[place.argsort(stable=True)], count)


def _first(data: Dataset, order: Int[Tensor, " n"], count: int) -> Dataset:
    """Keeps the first training samples of an order, in the order of the data set."""
    train = data.train
    drawn = draw_distinct(train.x.detach().cpu().numpy(), order.numpy(), count)
    return replace(data, train=train.take(torch.from_numpy(drawn).sort().values, data.name))


def replace_labels(data: Dataset, share: float, seed: int) -> Dataset:
    """Replaces the labels of a random share of the training samples by classes drawn uniformly.

    A drawn class may be the true one: of C classes, a share of ``share * (C - 1) / C`` is wrong on average.

    Args:
        data: The data set.
        share: Share of the training labels, from 0 to 1; 1 makes all of them random.
        seed: Seeds the choice of the samples and their classes.

    Raises:
        DataError: If no training sample of a class remains.
    """
    train = data.train
    rng = generator(CPU, seed, "label noise")
    index = torch.randperm(len(train), generator=rng)[: round(share * len(train))]
    labels = train.y.clone()
    classes = torch.randint(data.num_classes, index.shape, generator=rng)
    labels[index.to(labels.device)] = classes.to(labels.device)
    return replace(data, train=Split(train.x, labels))
