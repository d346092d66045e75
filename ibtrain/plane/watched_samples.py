"""Samples on which a watched model is measured."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from ibtrain.errors import DataError
from ibtrain.plane.samples import draw_index

__all__ = ["Samples", "read_samples"]

Samples = tuple[Tensor, Tensor]
"""Inputs and classes."""


def read_samples(
    data: Samples | Iterable[Samples], count: int, like: Tensor, where: str
) -> Samples:
    """Reads samples of the model's type and on its device, which those of a parameter are.

    Args:
        data: A pair of inputs and classes, of which random ones are read, or an iterable of batches, of which the first samples are.
        count: Maximum number of samples.
        like: A parameter of the model.
        where: Name of the argument, for messages.

    Raises:
        DataError: If they are no inputs and classes, if inputs are not finite, or if there are fewer than two.
    """
    if isinstance(data, tuple | list) and len(data) == 2 and hasattr(data[0], "shape"):
        x, y = _tensors(data, where)
        if len(x) == len(y):
            rows = draw_index(len(x), count)
            x, y = x[rows], y[rows]
        data = [(x, y)]
    inputs, classes, total = [], [], 0
    for batch in data:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise DataError(f"a batch of type {type(batch).__name__}", "inputs and classes", where)
        x, y = _tensors(batch, where)
        if y.ndim != 1 or len(x) != len(y) or y.is_floating_point():
            given = (
                f"inputs of shape {tuple(x.shape)} and classes of shape {tuple(y.shape)}, {y.dtype}"
            )
            raise DataError(given, "a whole number for each input", where)
        inputs.append(x[: count - total])
        classes.append(y[: count - total].long())
        total += len(classes[-1])
        if total >= count:
            break
    if total < 2:
        raise DataError(f"{total} samples", "at least 2", where)
    x = torch.cat(inputs)
    if x.is_floating_point():
        if not x.isfinite().all():
            raise DataError("NaN or infinite numbers", "finite inputs", where)
        # NumPy's numbers are doubles
        x = x.to(like)
    return x.to(like.device), torch.cat(classes).to(like.device)


def _tensors(pair: Sequence[Any], where: str) -> Samples:
    try:
        x, y = map(torch.as_tensor, pair)
    except (TypeError, ValueError, RuntimeError) as error:
        given = " and ".join(type(part).__name__ for part in pair)
        expected = f"numbers: Dataset.from_arrays(x, y) converts strings and frames ({error})"
        raise DataError(given, expected, where) from error
    return x, y
