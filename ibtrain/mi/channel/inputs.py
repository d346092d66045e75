"""Outputs of a layer and classes of its samples, as a user may pass them, for the estimators of known noise."""

import numpy as np
import torch
from jaxtyping import Float, Int, Num
from numpy.typing import NDArray
from torch import Tensor

from ibtrain.errors import DataError

__all__ = ["Classes", "Outputs", "as_classes", "as_outputs"]

Outputs = Num[Tensor, "n dim"] | Num[np.ndarray, "n dim"]
"""Outputs of a layer, a row for each sample."""
Classes = Int[Tensor, " n"] | NDArray[np.integer]
"""Class of each sample, from 0."""


def as_outputs(h: Outputs) -> Float[Tensor, "n dim"]:
    """Returns a layer's outputs as a tensor of floats, on the device on which they are.

    Args:
        h: Outputs, ``(n, dim)``.

    Raises:
        DataError: If they are no matrix of at least two rows, or if a value is NaN or infinite.
    """
    tensor = h if isinstance(h, Tensor) else torch.from_numpy(np.ascontiguousarray(h))
    if tensor.ndim != 2 or len(tensor) < 2 or tensor.shape[1] < 1:
        given = f"outputs of shape {tuple(tensor.shape)}"
        raise DataError(given, "(samples, units), of at least two samples: h.flatten(1)", "h")
    tensor = tensor if tensor.is_floating_point() else tensor.to(torch.get_default_dtype())
    if not tensor.isfinite().all():
        row = int((~tensor.isfinite()).any(dim=1).nonzero()[0])
        raise DataError(f"NaN or an infinite value in row {row}", "finite outputs", "h")
    return tensor


def as_classes(labels: Classes, h: Float[Tensor, "n dim"]) -> Int[Tensor, " n"]:
    """Returns the classes as a tensor on the device of the outputs, numbered consecutively without those that have no sample.

    Args:
        labels: Class of each sample, whole numbers from 0.
        h: The outputs.

    Raises:
        DataError: If there is not one class for each sample, or one is not a whole number from 0.
    """
    tensor = labels if isinstance(labels, Tensor) else torch.from_numpy(np.asarray(labels))
    if tensor.shape != h.shape[:1]:
        given = f"labels of shape {tuple(tensor.shape)}"
        raise DataError(given, f"one for each of {len(h)} samples", "labels")
    if tensor.is_floating_point() or tensor.is_complex() or tensor.min() < 0:
        given = f"labels of type {tensor.dtype} from {tensor.min():g}"
        raise DataError(given, "classes: whole numbers from 0", "labels")
    classes: Tensor = tensor.to(h.device, torch.int64).unique(return_inverse=True)[1]
    return classes
