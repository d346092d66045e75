"""One split of a data set: samples and their classes, as tensors."""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from ibtrain.backend.gradients import differentiable
from ibtrain.data.rows import row_slices, take_rows
from ibtrain.errors import DataError

__all__ = [
    "MAX_MAGNITUDE",
    "Split",
    "find_beyond",
    "label_entropy",
    "place_of",
]

MAX_MAGNITUDE = 1.8e19
"""Largest magnitude of a value whose square float32 can hold."""


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
        for name in ("x", "y"):
            value = getattr(self, name)
            if not isinstance(value, Tensor):
                expected = "a tensor: Dataset.from_arrays(x, y) converts arrays, lists and frames"
                raise DataError(f"a {type(value).__name__}", expected, f"split: {name}")
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

    def __repr__(self) -> str:
        return f"Split({len(self)} samples of shape {tuple(self.x.shape[1:])}, {self.x.dtype})"

    def __len__(self) -> int:
        return len(self.y)

    def to(self, device: torch.device) -> "Split":
        """Returns the same samples on a device."""
        return Split(self.x.to(device), self.y.to(device))

    def take(self, index: Int[Tensor, " n"], where: str) -> "Split":
        """Returns some of the samples.

        Args:
            index: Their indices.
            where: The data set, for error messages.

        Raises:
            OutOfMemoryError: If neither memory nor the disk has space for them.
        """
        index = index.to(self.y.device)
        return Split(take_rows(self.x, index, where), self.y[index])


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


def find_beyond(x: Tensor, limit: float) -> tuple[int, int] | None:
    """Returns row and column of a value whose magnitude exceeds a limit, or NaN; None if there is no such value."""
    # they need no temporary tensor of the size of x, which is read once
    low, high = x.aminmax()
    if high <= limit and low >= -limit:
        return None
    for part in row_slices(x):
        beyond = (~(x[part].flatten(1).abs() <= limit)).nonzero()
        if len(beyond):
            row, column = beyond[0].tolist()
            return part.start + row, column
    raise AssertionError("a minimum or a maximum that no value has")


def place_of(index: tuple[int, int]) -> str:
    """Returns row and column in words."""
    return f"row {index[0]}, column {index[1]}"


def label_entropy(labels: Int[Tensor, " n"]) -> float:
    r"""Returns the entropy of the empirical distribution of labels, :math:`-\sum_c p_c \ln p_c`, in nats."""
    shares = torch.bincount(labels).cpu().double() / len(labels)
    present = shares[shares > 0]
    return -(present * present.log()).sum().item() + 0.0
