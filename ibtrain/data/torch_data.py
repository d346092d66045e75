"""Data sets from torch's and Hugging Face's, read once."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler, TensorDataset
from torch.utils.data import Dataset as TorchDataset

from ibtrain.backend.seeding import seeded
from ibtrain.data.arrays import from_arrays
from ibtrain.data.dataset import Dataset
from ibtrain.data.labels import read_labels
from ibtrain.data.rows import join_samples
from ibtrain.errors import DataError

__all__ = ["from_hf", "from_torch"]

BATCH_SIZE = 256
READABLE = "a torch Dataset or DataLoader of (inputs, label) pairs"


def from_torch(train: Any, test: Any = None, *, name: str = "torch", **options: Any) -> Dataset:
    """Makes a data set of torch's; :meth:`Dataset.from_torch` describes the arguments."""
    pair = _read(train, f"{name}: train")
    test_pair = None if test is None else _read(test, f"{name}: test")
    classes = options.pop("classes", None) or _class_names(train, pair[1], name)
    return from_arrays(*pair, test=test_pair, name=name, classes=classes, **options)


def _read(data: Any, where: str) -> tuple[Any, Any]:
    """Returns all samples and labels, in the order of the data set where that is known."""
    if not isinstance(data, TorchDataset | DataLoader):
        raise DataError(f"a {type(data).__name__}", READABLE, where)
    tensors = data.tensors if isinstance(data, TensorDataset) else ()
    if len(tensors) == 2:
        return tensors[0], tensors[1]

    def batches() -> Iterator[tuple[Tensor, NDArray[Any]]]:
        for batch in _in_order(data):
            if not isinstance(batch, tuple | list) or len(batch) != 2:
                raise DataError(f"a batch of type {type(batch).__name__}", READABLE, where)
            x = torch.as_tensor(batch[0]).detach()
            if x.ndim == 0:
                raise DataError("a number", "a batch of samples", where)
            x = x.float() if x.is_floating_point() and x.itemsize < 4 else x
            yield x, read_labels(batch[1], where)

    # random transforms are drawn, and random orders too
    with seeded(0, "read a data set"):
        samples, labels = join_samples(batches(), where, _num_samples(data))
    if not len(labels):
        raise DataError("no samples", READABLE, where)
    return samples, labels


def _num_samples(data: Any) -> int:
    """The number of samples that a data set or loader says it has; 0 if it does not."""
    source: Any = data
    if isinstance(data, DataLoader):
        # batches of its own may have samples more than once, or not at all
        if data.batch_size is None:
            return 0
        source = data.sampler
    try:
        return len(source)
    except (NotImplementedError, TypeError):
        return 0


def _in_order(data: Any) -> Iterable[Any]:
    """The batches of a data set, or of a loader whose order and incomplete last batch do not matter."""
    if not isinstance(data, DataLoader):
        return DataLoader(data, batch_size=BATCH_SIZE)
    is_plain = type(data.sampler) in (SequentialSampler, RandomSampler) and not (
        getattr(data.sampler, "replacement", False)
        or getattr(data.sampler, "_num_samples", None) is not None
    )
    if not is_plain or data.batch_size is None:
        return data
    return DataLoader(
        data.dataset,
        batch_size=data.batch_size,
        collate_fn=data.collate_fn,
        num_workers=data.num_workers,
    )


def _class_names(data: Any, y: Any, name: str) -> tuple[str, ...]:
    """The attribute ``classes`` that torchvision's data sets have, if its names belong to the labels."""
    while not hasattr(data, "classes") and hasattr(data, "dataset"):
        data = data.dataset
    names = getattr(data, "classes", ())
    if (
        not names
        or not isinstance(names, list | tuple)
        or not all(isinstance(n, str) for n in names)
    ):
        return ()
    labels = read_labels(y, name)
    fits = labels.dtype.kind in "iu" and len(np.unique(labels)) == len(names)
    return tuple(names) if fits and labels.min() == 0 and labels.max() == len(names) - 1 else ()


def from_hf(
    splits: Any, x: str = "x", y: str = "label", *, name: str = "hf", **options: Any
) -> Dataset:
    """Makes a data set of Hugging Face's; :meth:`Dataset.from_hf` describes the arguments."""
    if not isinstance(splits, Mapping):
        splits = {"train": splits}
    if "train" not in splits:
        given = f"splits {', '.join(map(str, splits)) or 'of no name'}"
        raise DataError(given, "a split 'train', and 'test' if there is one", name)
    pairs = {
        split: (
            _inputs(splits[split], x, f"{name}: {split}"),
            _column(splits[split], y, f"{name}: {split}"),
        )
        for split in ("train", "test")
        if split in splits
    }
    features = getattr(splits["train"], "features", None) or {}
    names = getattr(features.get(y), "names", None) or ()
    return from_arrays(
        *pairs["train"], test=pairs.get("test"), name=name, classes=tuple(names), **options
    )


def _column(split: Any, column: str, where: str) -> Any:
    names = list(getattr(split, "column_names", None) or getattr(split, "keys", list)())
    if names and column not in names:
        expected = f"one of the columns {', '.join(map(str, names))} (x=NAME, y=NAME)"
        raise DataError(f"column {column!r}", expected, where)
    try:
        return split[column]
    except (KeyError, TypeError, IndexError) as error:
        raise DataError(f"column {column!r}", f"a column of the split ({error})", where) from error


def _inputs(split: Any, column: str, where: str) -> NDArray[Any]:
    """A column of lists, arrays or images as one array; a column of single numbers has one value a sample."""
    values = list(_column(split, column, where))
    if any(isinstance(value, str) for value in values[:1]):
        given = f"strings in column {column!r}"
        raise DataError(given, "numbers or images: turn text into vectors first", where)
    try:
        array = np.stack([np.asarray(value) for value in values])
    except ValueError as error:
        given = f"samples of different shapes in column {column!r}"
        raise DataError(given, f"samples of one shape ({error})", where) from error
    return array[:, None] if array.ndim == 1 else array
