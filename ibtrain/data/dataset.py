"""What a data set is once it is loaded: tensors on the training device."""

import hashlib
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ibtrain.errors import DataError
from ibtrain.seeding import generator

__all__ = ["Dataset", "Split", "label_entropy"]

CONSTANT = 1e-5
"""A coordinate whose standard deviation is below this share of its mean is a constant in float32."""


@dataclass(frozen=True)
class Split:
    """Samples ``x`` ``(samples, ...)`` and their labels ``y`` ``(samples,)``."""

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)

    def to(self, device: torch.device) -> "Split":
        """The same samples on a device."""
        return Split(self.x.to(device), self.y.to(device))


@dataclass(frozen=True)
class Dataset:
    """A labelled data set.

    Args:
        name: What the user calls it.
        train: What is trained on.
        test: What is reported on, and nothing else.
        num_classes: Labels are ``0 .. num_classes - 1``.
        validation: What choices are made on (early stopping, tuning); None where none is made.
    """

    name: str
    train: Split
    test: Split
    num_classes: int
    validation: Split | None = None

    @property
    def inputs(self) -> dict[str, Tensor]:
        """Samples by split."""
        return {name: split.x for name, split in self.splits.items()}

    @property
    def splits(self) -> dict[str, Split]:
        """The splits that are there, by name."""
        splits = {"train": self.train, "test": self.test}
        return splits if self.validation is None else {**splits, "validation": self.validation}

    @property
    def dim_x(self) -> int:
        """Values in a sample."""
        return self.train.x[0].numel()

    def fingerprint(self) -> str:
        """Of all samples and labels, in order: the same for the same data set only."""
        digest = hashlib.blake2b(digest_size=16)
        for name, split in self.splits.items():
            digest.update(f"{name} {tuple(split.x.shape)} {split.x.dtype}".encode())
            for tensor in (split.x, split.y):
                digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        return digest.hexdigest()

    @property
    def log_prior(self) -> Float[Tensor, " classes"]:
        """Logarithm of the classes' shares of the training split, ``(classes,)``."""
        counts = torch.bincount(self.train.y, minlength=self.num_classes)
        return (counts / len(self.train)).log()

    @property
    def label_entropy(self) -> float:
        """H(Y) of the training split in nats."""
        return label_entropy(self.train.y)

    @property
    def chance_accuracy(self) -> float:
        """Test accuracy of always answering the training split's most common class."""
        commonest = torch.bincount(self.train.y).argmax()
        return (self.test.y == commonest).float().mean().item()

    def to(self, device: torch.device) -> "Dataset":
        """The same data set on a device."""
        moved = None if self.validation is None else self.validation.to(device)
        return replace(
            self, train=self.train.to(device), test=self.test.to(device), validation=moved
        )

    def hold_out(self, share: float, seed: int) -> "Dataset":
        """Moves a random share of the training split into a validation split.

        Raises:
            DataError: The share leaves a split empty.
        """
        count = round(share * len(self.train))
        if not 0 < count < len(self.train):
            expected = f"a share that leaves both splits of {len(self.train)} samples non-empty"
            raise DataError(share, expected, "validation share")
        randomness = generator(torch.device("cpu"), seed, "validation")
        order = torch.randperm(len(self.train), generator=randomness).to(self.train.y.device)
        held, kept = order[:count], order[count:].sort().values
        return replace(
            self,
            train=Split(self.train.x[kept], self.train.y[kept]),
            validation=Split(self.train.x[held], self.train.y[held]),
        )

    def standardised(self) -> "Dataset":
        """Centred and scaled with the training split's own statistics.

        Images ``(samples, channels, height, width)`` by channel; vectors ``(samples, dim)`` by
        coordinate. A constant coordinate is only centred.

        Raises:
            DataError: If the values are so large that float32 can't hold their variance, or if all
                training samples are the same.
        """
        x = self.train.x
        dims = [0, *range(2, x.ndim)]
        mean = x.mean(dims, keepdim=True)
        std = (x - mean).square_().mean(dims, keepdim=True).sqrt()
        if not std.isfinite().all():
            expected = "values whose variance float32 can hold"
            raise DataError(f"values as large as {x.abs().max().item():g}", expected, self.name)
        # a constant's standard deviation is the rounding error of its mean, and not always zero
        varies = std > CONSTANT * mean.abs()
        if not varies.any() or all(torch.equal(sample, x[0]) for sample in x):
            given = f"{len(x)} training samples that are all the same"
            raise DataError(given, "samples that differ", self.name)
        std = torch.where(varies, std, 1.0)

        def scale(split: Split) -> Split:
            return Split((split.x - mean) / std, split.y)

        held = None if self.validation is None else scale(self.validation)
        return replace(self, train=scale(self.train), test=scale(self.test), validation=held)


def label_entropy(labels: Int[Tensor, " n"]) -> float:
    r"""Entropy of the empirical distribution of labels, :math:`-\sum_c p_c \ln p_c`, in nats."""
    shares = torch.bincount(labels).cpu().double() / len(labels)
    present = shares[shares > 0]
    return -(present * present.log()).sum().item() + 0.0
