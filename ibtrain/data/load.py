"""From a data set's name to standardised tensors on the training device."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ibtrain.data.dataset import Dataset, Split
from ibtrain.data.sources import SOURCES, RawData, read_folder, read_npz
from ibtrain.errors import DataError

__all__ = ["default_data_root", "load_dataset"]


def default_data_root() -> Path:
    """Where data sets are downloaded to: ``$IBTRAIN_DATA``, or ``~/.cache/ibtrain``.

    A user who has no home gets ``.cache/ibtrain`` in the working folder.
    """
    try:
        home = Path.home()
    except RuntimeError:
        home = Path()
    return Path(os.environ.get("IBTRAIN_DATA") or home / ".cache" / "ibtrain")


def load_dataset(
    name: str = "digits",
    data_root: str | Path | None = None,
    *,
    validation: float = 0.0,
    seed: int = 0,
    device: str | torch.device = "cpu",
) -> Dataset:
    """Loads a data set, holds out a validation split if asked to, and standardises it.

    Args:
        name: ``digits``, ``mnist``, ``fashion-mnist``, ``kmnist``, ``cifar10``, ``folder:DIR``
            (``train/CLASS/*`` and ``test/CLASS/*`` images) or ``npz:FILE`` (``x``, ``y`` and, if
            there, ``x_test``, ``y_test``).
        data_root: Where torchvision's data sets are, or are downloaded to.
        validation: Share of the training samples held out for choices; 0 holds out none.
        seed: Which samples are held out.
        device: Where the tensors live.

    Returns:
        Samples standardised with the statistics of what is left to train on: images by channel,
        vectors by coordinate.

    Raises:
        DataError: No such data set, or it is missing, broken or not a classification problem.
    """
    raw = _read(name, _expanded(data_root) if data_root is not None else default_data_root())
    data = _checked(name, raw).to(torch.device(device))
    if validation:
        data = data.hold_out(validation, seed)
    return data.standardised()


def _read(name: str, root: Path) -> RawData:
    kind, _, path = name.partition(":")
    if kind == "folder" and path:
        return read_folder(_expanded(path))
    if kind == "npz" and path:
        return read_npz(_expanded(path))
    if name not in SOURCES:
        expected = f"one of {', '.join(SOURCES)}, folder:DIR, npz:FILE"
        raise DataError(repr(name), expected, "dataset")
    return SOURCES[name](root)


def _expanded(path: str | Path) -> Path:
    """A path whose ``~`` is the user's home, where there is one."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def _checked(name: str, raw: RawData) -> Dataset:
    """Raw arrays as a data set, its labels checked to be ``0 .. C-1``."""
    y_train, y_test = _labels(name, raw.y_train), _labels(name, raw.y_test)
    num_classes = raw.num_classes or int(y_train.max()) + 1
    if num_classes < 2:
        raise DataError("a single class", "at least two classes", name)
    for y in (y_train, y_test):
        outside = y[(y < 0) | (y >= num_classes)]
        if len(outside):
            expected = f"labels in 0..{num_classes - 1}, the classes of the training split"
            raise DataError(f"label {outside[0]}", expected, name)
    present = np.unique(y_train)
    if len(present) < num_classes:
        absent = next(c for c in range(num_classes) if c >= len(present) or present[c] != c)
        given = f"no training sample of class {absent}"
        raise DataError(given, f"samples of every class 0..{num_classes - 1}", name)
    for part, count, least in (("training", len(y_train), 4), ("test", len(y_test), 2)):
        if count < least:
            raise DataError(f"{count} {part} samples", f"at least {least}", name)
    train = Split(_samples(name, raw.x_train), torch.from_numpy(y_train))
    test = Split(_samples(name, raw.x_test), torch.from_numpy(y_test))
    return Dataset(name, train, test, num_classes)


def _labels(name: str, y: NDArray[Any]) -> NDArray[np.int64]:
    fractional = y[y != np.floor(y)] if y.dtype.kind == "f" else y[:0]
    if len(fractional):
        raise DataError(f"label {fractional[0]}", "whole numbers", name)
    # a float that no int64 holds becomes a negative label, and is refused as one
    with np.errstate(invalid="ignore"):
        return y.astype(np.int64)


def _samples(name: str, x: NDArray[Any]) -> torch.Tensor:
    if x[0].size == 0:
        raise DataError(f"samples of shape {x.shape[1:]}", "at least one value in each", name)
    with np.errstate(over="ignore"):
        samples = torch.from_numpy(x.astype(np.float32))
    if not samples.isfinite().all():
        raise DataError(f"a value of {np.abs(x).max():g}", "values that float32 can hold", name)
    return samples.div_(255) if x.dtype == np.uint8 else samples
