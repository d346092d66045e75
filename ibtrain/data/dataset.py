"""Data sets in memory: tensors on the training device."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ibtrain.backend.seeding import generator
from ibtrain.checks import check_number
from ibtrain.config.run import MIN_TRAIN_SAMPLES
from ibtrain.data.copies import draw_split
from ibtrain.data.rows import row_slices
from ibtrain.data.scaling import Scaling, scale_split
from ibtrain.data.split import MAX_MAGNITUDE, Split, find_beyond, label_entropy, place_of
from ibtrain.errors import DataError

__all__ = ["Dataset", "Split", "label_entropy"]

MIN_SAMPLES = {"train": MIN_TRAIN_SAMPLES, "test": 2, "validation": 1}
"""Minimum number of samples of each split."""


@dataclass(frozen=True)
class Dataset:
    """A labelled data set.

    Args:
        name: Name of the data set, as the user knows it.
        train: Training split.
        test: Test split, which is used for the reported results only.
        num_classes: Number of classes; labels are ``0 .. num_classes - 1``.
        validation: Validation split, for early stopping and tuning; None if it is not needed.
        scaling: How the samples were made from raw ones; None if they are raw.
        classes: The user's label of each class, such as its name; by default its number.

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
    scaling: Scaling | None = None
    classes: tuple[str | int | bool, ...] = ()

    def __post_init__(self) -> None:
        if not self.classes or (
            # after a change of num_classes only
            len(self.classes) != self.num_classes and not isinstance(self.classes[0], str)
        ):
            object.__setattr__(self, "classes", tuple(range(self.num_classes)))
        if self.scaling and self.scaling.is_scaled:
            for split in self.splits.values():
                # a network that scales raw samples so itself refuses them
                split.x.scaling = self.scaling  # type: ignore[attr-defined]
        if self.train.x.is_meta:
            # there are no values to check
            return
        if len(self.classes) != self.num_classes:
            given = f"{len(self.classes)} names of classes"
            raise DataError(given, f"one for each of {self.num_classes}", self.name)
        if self.num_classes < 2:
            raise DataError("a single class", "at least two classes", self.name)
        for name, split in self.splits.items():
            self._check_split(name, split)
        present = self.train.y.unique()
        if len(present) < self.num_classes:
            gaps = (present != torch.arange(len(present), device=present.device)).nonzero()
            absent = int(gaps[0]) if len(gaps) else len(present)
            expected = f"samples of every class {self._all_classes}"
            given = f"no training sample of class {self.classes[absent]}"
            raise DataError(given, expected, self.name)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(split)} {name}" for name, split in self.splits.items())
        return f"Dataset({self.name!r}: {sizes} samples of {self.dim_x} values, {self.num_classes} classes)"

    @classmethod
    def from_arrays(
        cls, x: Any, y: Any, test: tuple[Any, Any] | None = None, **options: Any
    ) -> "Dataset":
        """Makes a data set of samples and labels, standardised by column, or by channel for images.

        Args:
            x: Samples ``(samples, dim)``, or images ``(samples, height, width)``, ``(samples, channels, height, width)``
                or ``(samples, height, width, channels)``: a NumPy array, a tensor, nested lists or a data frame.
            y: Labels ``(samples,)`` or ``(samples, 1)``: whole numbers of any range, booleans or strings; or one-hot rows.
            test: Samples and labels of the test split; None takes a fixed fifth of the samples.
            options: ``name`` of the data set; ``classes``, names of the labels 0, 1, ...; ``validation``, share of the
                training samples held out for early stopping, chosen by ``seed``; ``standardise=False`` to leave
                the values as they are; ``device`` of the tensors.

        Raises:
            DataError: If values are missing, or are not numbers, or if the labels are not those of a classification.

        Example:
            >>> data = Dataset.from_arrays([[n, n % 3] for n in range(20)], ["no"] * 10 + ["yes"] * 10)
            >>> data.classes, len(data.train), len(data.test)
            (('no', 'yes'), 16, 4)
        """
        from ibtrain.data.arrays import from_arrays

        return from_arrays(x, y, test, **options)

    from_tensors = from_arrays

    @classmethod
    def from_frame(
        cls, frame: Any, target: str, test: Any | None = None, **options: Any
    ) -> "Dataset":
        """Makes a data set of a data frame, whose columns are standardised.

        Args:
            frame: A pandas data frame: columns of numbers, and one of labels.
            target: Name of the column of labels.
            test: Data frame of the test split, with the same columns; None takes a fixed fifth of the rows.
            options: Further arguments of :meth:`from_arrays`.

        Raises:
            DataError: If there is no such column, or for the reasons of :meth:`from_arrays`.

        Example:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"age": range(40), "weight": [5, 7] * 20, "sex": ["f", "m"] * 20})
            >>> Dataset.from_frame(frame, target="sex").dim_x
            2
        """
        from ibtrain.data.arrays import from_frame

        return from_frame(frame, target, test, **options)

    @classmethod
    def from_torch(cls, train: Any, test: Any | None = None, **options: Any) -> "Dataset":
        """Makes a data set of torch's, read once: random transforms are drawn once for each sample.

        Args:
            train: A torch ``Dataset`` or ``DataLoader`` of (inputs, label) pairs.
            test: The test split, likewise; None takes a fixed fifth of the samples.
            options: Further arguments of :meth:`from_arrays`. By default the classes are those of an attribute ``classes``.

        Raises:
            DataError: If batches are no pairs, or for the reasons of :meth:`from_arrays`.
        """
        from ibtrain.data.torch_data import from_torch

        return from_torch(train, test, **options)

    @classmethod
    def from_hf(cls, splits: Any, x: str = "x", y: str = "label", **options: Any) -> "Dataset":
        """Makes a data set of Hugging Face's, or of any mapping of splits to mappings of columns.

        Args:
            splits: Maps ``train``, and ``test`` if there is one, to columns by name; or the training split alone.
            x: Name of the column of vectors or images.
            y: Name of the column of labels, whose names are those of ``features[y].names`` if there are any.
            options: Further arguments of :meth:`from_arrays`.

        Raises:
            DataError: If a split or a column is missing, or for the reasons of :meth:`from_arrays`.
        """
        from ibtrain.data.torch_data import from_hf

        return from_hf(splits, x, y, **options)

    @property
    def _all_classes(self) -> str:
        first, last = self.classes[0], self.classes[-1]
        return f"{first}..{last}" if isinstance(first, int) else f"{first}, ..., {last}"

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
        index = find_beyond(split.x, MAX_MAGNITUDE)
        if index is not None:
            given = f"a value of {split.x.flatten(1)[index]:g} in {place_of(index)} of the {split_name} split"
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
    def scaling_text(self) -> str:
        """Says in words how the samples were scaled."""
        return self.scaling.describe() if self.scaling else "inputs as given"

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
                for part in row_slices(tensor):
                    chunk = tensor[part].cpu().contiguous().flatten()
                    digest.update(chunk.view(torch.uint8).numpy().data)
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
        # a run may have the same split in two places
        moved = {id(split): split.to(device) for split in self.splits.values()}
        train, test = moved[id(self.train)], moved[id(self.test)]
        validation = moved.get(id(self.validation))
        return replace(self, train=train, test=test, validation=validation)

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
        train, validation = (self.train.take(index, self.name) for index in (kept, held_out))
        return replace(self, train=train, validation=validation)

    def standardised(self) -> "Dataset":
        """Centres and scales all splits with the training split's mean and standard deviation.

        Images ``(samples, channels, height, width)`` are standardised by channel, vectors
        ``(samples, dim)`` by coordinate; constant ones are only centred. The statistics are computed in
        float64 on the host; the result is float32. Samples that are scaled already are left as they are.

        Raises:
            DataError: If all training samples are equal, or if a value is more than a million
                standard deviations from the training mean.
        """
        if self.scaling and self.scaling.is_scaled:
            return self
        x = self.train.x
        if not any((x[part] != x[0]).any() for part in row_slices(x)):
            given = f"{len(x)} training samples that are all the same"
            raise DataError(given, "samples that differ", self.name)
        scaling = Scaling.fit(x, self.scaling)
        parts = {n: scale_split(split, scaling, n, self.name) for n, split in self.splits.items()}
        train, test, validation = parts["train"], parts["test"], parts.get("validation")
        return replace(self, train=train, test=test, validation=validation, scaling=scaling)
