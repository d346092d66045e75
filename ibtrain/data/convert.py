"""What a trainer is given to train on, as a data set."""

from typing import Any

import torch

from ibtrain.data.arrays import from_arrays
from ibtrain.data.dataset import Dataset
from ibtrain.data.samples import column_names
from ibtrain.errors import DataError

__all__ = ["as_dataset"]

PLACE = "fit"


def as_dataset(
    data: Any,
    y: Any = None,
    test: Any = None,
    *,
    validation: float = 0.0,
    device: torch.device | None = None,
) -> Dataset:
    """Returns a data set as it is, and makes one of anything else.

    Args:
        data: A :class:`Dataset`, samples (with ``y``), a pair of samples and labels, or a torch ``Dataset`` or ``DataLoader``.
        y: Labels of the samples.
        test: The test split, of the same kind: a pair ``(x, y)``, or a torch ``Dataset`` or ``DataLoader``.
        validation: Share of the training samples held out, unless ``data`` is a :class:`Dataset`.
        device: Device of the tensors, unless ``data`` is a :class:`Dataset`; None is the CPU.

    Raises:
        DataError: If it is nothing that can be trained on.
    """
    options: dict[str, Any] = {"validation": validation, "device": device or "cpu"}
    if isinstance(data, Dataset):
        if y is not None or test is not None:
            given = f"{'labels' if y is not None else 'a test split'} beside a Dataset"
            raise DataError(given, "fit(data) alone: a Dataset has both", PLACE)
        return data
    if _is_torch(data):
        from ibtrain.data.torch_data import from_torch

        if y is not None:
            expected = "fit(loader) alone, or arrays fit(x, y)"
            raise DataError(f"labels beside a {type(data).__name__}", expected, PLACE)
        return from_torch(data, test, **options)
    if isinstance(data, str):
        expected = f"fit(x, y), or fit(load_dataset({data!r})) for a data set by name"
        raise DataError(f"the string {data!r}", expected, PLACE)
    if y is None and isinstance(data, tuple) and len(data) == 2:
        data, y = data
    if y is None:
        frame = ", or Dataset.from_frame(frame, target=NAME)" if column_names(data) else ""
        given = f"a {type(data).__name__} without labels"
        raise DataError(given, f"fit(x, y), fit(Dataset) or fit(DataLoader){frame}", PLACE)
    return from_arrays(data, y, test, **options)


def _is_torch(data: Any) -> bool:
    return isinstance(data, torch.utils.data.Dataset | torch.utils.data.DataLoader)
