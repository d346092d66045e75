"""Data sets in memory: tensors on the training device."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import reduce

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ibtrain.backend.gradients import differentiable
from ibtrain.backend.seeding import generator
from ibtrain.checks import check_number
from ibtrain.data.copies import draw_split
from ibtrain.errors import DataError

__all__ = ["CHUNK_BYTES", "MAX_MAGNITUDE", "Dataset", "Split", "label_entropy"]

MAX_MAGNITUDE = 1.8e19
"""Largest magnitude of a value whose square float32 can hold."""
MAX_DEVIATIONS = 1e6
"""Maximum distance from the training mean, in standard deviations; values beyond are taken for fill values."""
MIN_SAMPLES = {"train": 4, "test": 2, "validation": 1}
"""Minimum number of samples of each split."""
CHUNK_BYTES = 1 << 20
"""Size in bytes of a chunk of samples in float64; samples are converted chunk by chunk."""


@dataclass(frozen=True)
class Split:
    """Samples ``x`` ``(samples, ...)`` and their labels ``y`` ``(samples,)``, whole numbers.

    Samples are kept as uint8 or float32, to which every other type is converted.

    Raises:
        DataError: If samples are complex, labels are not whole numbers, or their number is not that of samples.
    """

    x: Tensor
    y: Tensor

    def __post_init__(self) -> None:
        if self.y.ndim != 1 or self.x.ndim < 2 or len(self.x) != len(self.y):
            given = f"samples of shape {tuple(self.x.shape)}, labels of shape {tuple(self.y.shape)}"
            raise DataError(given, "(samples, ...) and one label for each", "split")
        if self.x.is_complex():
            raise DataError(f"samples of type {self.x.dtype}", "real numbers", "split")
        if self.x.dtype not in (torch.uint8, torch.float32):
            object.__setattr__(self, "x", self.x.to(torch.float32))
        if self.y.dtype != torch.int64:
            object.__setattr__(self, "y", _class_labels(self.y))
        for name in ("x", "y"):
            if getattr(self, name).is_inference():
                # tensors created in torch.inference_mode can't be used in training
                with differentiable():
                    object.__setattr__(self, name, getattr(self, name).clone())

    def __len__(self) -> int:
        return len(self.y)

    def to(self, device: torch.device) -> "Split":
        """Returns the same samples on a device."""
        return Split(self.x.to(device), self.y.to(device))


@dataclass(frozen=True)
class Dataset:
    """A labelled data set.

    Args:
        name: Name of the data set, as the user knows it.
        train: Training split.
        test: Test split, which is used for the reported results only.
        num_classes: Number of classes; labels are ``0 .. num_classes - 1``.
        validation: Validation split, for early stopping and tuning; None if it is not needed.

    Raises:
        DataError: If a split has too few samples, samples of another shape or type than the training
            split, or values whose squares float32 can't hold; if a label is not one of the classes; or if a
            class has no training sample.
    """

    name: str
    train: Split
    test: Split
    num_classes: int
    validation: Split | None = None

    def __post_init__(self) -> None:
        if self.train.x.is_meta:
            # there are no values to check
            return
        if self.num_classes < 2:
            raise DataError("a single class", "at least two classes", self.name)
        for name, split in self.splits.items():
            self._check_split(name, split)
        present = self.train.y.unique()
        if len(present) < self.num_classes:
            gaps = (present != torch.arange(len(present), device=present.device)).nonzero()
            absent = int(gaps[0]) if len(gaps) else len(present)
            expected = f"samples of every class 0..{self.num_classes - 1}"
            raise DataError(f"no training sample of class {absent}", expected, self.name)

    def _check_split(self, name: str, split: Split) -> None:
        split_name = "training" if name == "train" else name
        if len(split) < MIN_SAMPLES[name]:
            given = f"{len(split)} {split_name} samples"
            raise DataError(given, f"at least {MIN_SAMPLES[name]}", self.name)
        shape = self.train.x.shape[1:]
        if split.x.shape[1:] != shape or shape.numel() == 0:
            given = f"{split_name} samples of shape {tuple(split.x.shape[1:])}"
            expected = f"shape {tuple(shape)}, as in training, and at least one value in each"
            raise DataError(given, expected, self.name)
        if split.x.dtype != self.train.x.dtype:
            expected = f"{self.train.x.dtype}, as in training (bytes are divided by 255)"
            raise DataError(f"{split_name} samples of {split.x.dtype}", expected, self.name)
        outside = split.y[(split.y < 0) | (split.y >= self.num_classes)]
        if len(outside):
            expected = f"labels in 0..{self.num_classes - 1}, the classes of the training split"
            raise DataError(f"label {outside[0]}", expected, self.name)
        index = _beyond(split.x, MAX_MAGNITUDE)
        if index is not None:
            given = f"a value of {split.x.flatten(1)[index]:g} in {_place(index)} of the {split_name} split"
            raise DataError(given, "values whose squares float32 can hold", self.name)

    @property
    def inputs(self) -> dict[str, Tensor]:
        """Samples by name of the split."""
        return {name: split.x for name, split in self.splits.items()}

    @property
    def splits(self) -> dict[str, Split]:
        """Splits by name, without a missing validation split."""
        splits = {"train": self.train, "test": self.test}
        return splits if self.validation is None else {**splits, "validation": self.validation}

    @property
    def dim_x(self) -> int:
        """Number of values in a sample."""
        return self.train.x[0].numel()

    def fingerprint(self) -> str:
        """Returns a hash of all samples and labels in order; only equal data sets have the same one."""
        digest = hashlib.blake2b(digest_size=16)
        for name, split in self.splits.items():
            digest.update(f"{name} {tuple(split.x.shape)} {split.x.dtype}".encode())
            for tensor in (split.x, split.y):
                digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        return digest.hexdigest()

    @property
    def log_prior(self) -> Float[Tensor, " classes"]:
        """Logarithm of the class frequencies of the training split, ``(classes,)``."""
        counts = torch.bincount(self.train.y, minlength=self.num_classes)
        return (counts / len(self.train)).log()

    @property
    def label_entropy(self) -> float:
        """H(Y) of the training split in nats."""
        return label_entropy(self.train.y)

    @property
    def majority_accuracy(self) -> float:
        """Test accuracy of always predicting the most common class of the training split."""
        majority = torch.bincount(self.train.y).argmax()
        return (self.test.y == majority).float().mean().item()

    def to(self, device: torch.device) -> "Dataset":
        """Returns the same data set on a device."""
        validation = None if self.validation is None else self.validation.to(device)
        return replace(
            self, train=self.train.to(device), test=self.test.to(device), validation=validation
        )

    def hold_out(self, share: float, seed: int) -> "Dataset":
        """Moves a random share of the training split into a validation split.

        All copies of a sample go to the same split; a warning reports them.

        Raises:
            ConfigError: If the share is not a finite number.
            DataError: If the share leaves a split empty, or a class without a training sample.
        """
        check_number("validation share", share)
        count = round(share * len(self.train))
        if not 0 < count < len(self.train):
            expected = f"a share that leaves both splits of {len(self.train)} samples non-empty"
            raise DataError(share, expected, "validation share")
        rng = generator(torch.device("cpu"), seed, "validation")
        order = torch.randperm(len(self.train), generator=rng).numpy()
        x = self.train.x.detach().cpu().numpy()
        held_out = torch.from_numpy(draw_split(x, order, count, "validation", self.name))
        is_kept = torch.ones(len(self.train), dtype=torch.bool)
        is_kept[held_out] = False
        kept = is_kept.nonzero().squeeze(1)
        train, validation = (
            Split(self.train.x[index], self.train.y[index])
            for index in (indices.to(self.train.y.device) for indices in (kept, held_out))
        )
        return replace(self, train=train, validation=validation)

    def standardised(self) -> "Dataset":
        """Centres and scales all splits with the training split's mean and standard deviation.

        Images ``(samples, channels, height, width)`` are standardised by channel, vectors
        ``(samples, dim)`` by coordinate; constant ones are only centred. The statistics are computed in
        float64 on the host; the result is float32.

        Raises:
            DataError: If all training samples are equal, or if a value is more than ``MAX_DEVIATIONS``
                standard deviations from the training mean.
        """
        x = self.train.x
        if all(torch.equal(sample, x[0]) for sample in x):
            given = f"{len(x)} training samples that are all the same"
            raise DataError(given, "samples that differ", self.name)
        dims = [0, *range(2, x.ndim)]
        count = x.numel() // x.shape[1]
        mean = _total(chunk.sum(dims, keepdim=True) for chunk in _chunks(x)) / count
        squares = _total((chunk - mean).square_().sum(dims, keepdim=True) for chunk in _chunks(x))
        # not by the standard deviation: for a constant it is the rounding error of the mean
        is_constant = x.amax(dims, keepdim=True) == x.amin(dims, keepdim=True)
        std = torch.where(is_constant.cpu(), 1.0, (squares / count).sqrt())
        train, test = (self._scaled(name, mean, std) for name in ("train", "test"))
        validation = self._scaled("validation", mean, std) if self.validation else None
        return replace(self, train=train, test=test, validation=validation)

    def _scaled(self, name: str, mean: Tensor, std: Tensor) -> Split:
        split = self.splits[name]
        x = torch.empty(split.x.shape, dtype=torch.float32, device=split.x.device)
        start = 0
        for chunk in _chunks(split.x):
            x[start : start + len(chunk)] = chunk.sub_(mean).div_(std)
            start += len(chunk)
        index = _beyond(x, MAX_DEVIATIONS)
        if index is not None:
            deviations = x.flatten(1)[index].item()
            column = index[1] // x[0, 0].numel()
            distance = abs(deviations * std.flatten()[column].item())
            given = (
                f"a value in {_place(index)} of the {name} split that is {distance:g}, or "
                f"{abs(deviations):.1g} standard deviations, "
                f"{'above' if deviations > 0 else 'below'} the training mean"
            )
            raise DataError(given, f"at most {MAX_DEVIATIONS:g} (is it a fill value?)", self.name)
        return Split(x, split.y)


def _class_labels(y: Tensor) -> Int[Tensor, " n"]:
    """Converts labels of any type to int64.

    Raises:
        DataError: If a label is not a whole number.
    """
    if y.is_complex():
        raise DataError(f"labels of type {y.dtype}", "whole numbers", "split")
    fractional = y[~(y == y.floor())] if y.is_floating_point() else y[:0]
    if len(fractional):
        given = f"label {fractional[0].item()}"
        raise DataError(given, "whole numbers, the classes (not targets of a regression)", "split")
    return y.long()


def _chunks(x: Tensor) -> Iterator[Tensor]:
    """Yields chunks of samples as float64 copies on the host; bytes are scaled to [0, 1]."""
    rows = max(1, CHUNK_BYTES // (8 * x[0].numel()))
    for chunk in x.split(rows):
        copy = chunk.to("cpu", torch.float64, copy=True)
        yield copy.div_(255.0) if x.dtype == torch.uint8 else copy


def _total(tensors: Iterable[Tensor]) -> Tensor:
    return reduce(torch.add, tensors)


def _beyond(x: Tensor, limit: float) -> tuple[int, int] | None:
    """Returns row and column of a value whose magnitude exceeds a limit, or NaN; None if there is no such value."""
    # minimum and maximum need no temporary tensor of the size of x
    if x.amax() <= limit and x.amin() >= -limit:
        return None
    flat = x.flatten(1)
    row, column = (~(flat.abs() <= limit)).nonzero()[0].tolist()
    return row, column


def _place(index: tuple[int, int]) -> str:
    return f"row {index[0]}, column {index[1]}"


def label_entropy(labels: Int[Tensor, " n"]) -> float:
    r"""Returns the entropy of the empirical distribution of labels, :math:`-\sum_c p_c \ln p_c`, in nats."""
    shares = torch.bincount(labels).cpu().double() / len(labels)
    present = shares[shares > 0]
    return -(present * present.log()).sum().item() + 0.0
