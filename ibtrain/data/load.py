"""Loads a data set by name, as standardised tensors on the training device."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ibtrain.checks import check_integer, check_share
from ibtrain.config import MAX_SIDE
from ibtrain.data.dataset import Dataset, Split
from ibtrain.data.matlab import read_mat
from ibtrain.data.raw import RawData
from ibtrain.data.sources import SOURCES, read_folder, read_npz
from ibtrain.data.training_samples import replace_labels, take_share
from ibtrain.errors import DataError
from ibtrain.text import hint

__all__ = ["default_data_root", "load_dataset"]

FILE_READERS = {"npz": read_npz, "mat": read_mat}
"""Readers of data sets in a file, by the prefix of the file's path."""


def default_data_root() -> Path:
    """Returns the folder for downloads: ``$IBTRAIN_DATA``, or ``~/.cache/ibtrain``.

    For a user without a home folder it is ``.cache/ibtrain`` in the working folder.
    """
    try:
        home = Path.home()
    except RuntimeError:
        home = Path()
    return _expanded(os.environ.get("IBTRAIN_DATA") or home / ".cache" / "ibtrain")


def load_dataset(
    name: str = "digits",
    data_root: str | Path | None = None,
    *,
    validation: float = 0.0,
    train_share: float = 1.0,
    label_noise: float = 0.0,
    resize: int | None = None,
    seed: int = 0,
    device: str | torch.device = "cpu",
) -> Dataset:
    """Loads a data set, holds out a validation split on request, and standardises the samples.

    Args:
        name: ``digits``, ``szt`` (the 12-bit problem, :mod:`ibtrain.data.szt`), ``mnist``, ``fashion-mnist``,
            ``kmnist``, ``cifar10``, ``folder:DIR`` (``train/CLASS/*`` and ``test/CLASS/*`` images), ``npz:FILE``
            (``x`` and ``y``, or ``x_train`` and ``y_train``, and optionally ``x_test`` and ``y_test``) or
            ``mat:FILE`` (``F`` and ``y``).
        data_root: Folder of torchvision's data sets, also for downloads.
        validation: Share of the training samples held out as a validation split; 0 holds out none.
        train_share: Share of the training samples that is kept.
        label_noise: Share of the training labels that is replaced by classes drawn uniformly; 1 makes all labels
            random. Labels of validation and test samples stay.
        resize: Height and width to which the images of ``folder:DIR`` are resized; None keeps their size.
        seed: Seeds the choice of the validation samples, of the training samples and of their labels.
        device: Device of the tensors.

    Returns:
        The data set, standardised with the statistics of the training samples that remain: images by channel,
        vectors by coordinate.

    Raises:
        ConfigError: If ``validation``, ``train_share``, ``label_noise`` or ``resize`` is invalid.
        DataError: If the data set is unknown, missing, broken or not a classification problem, or if no training
            sample of a class remains.
    """
    check_share("train_share", train_share, excluded=(0,))
    check_share("label_noise", label_noise)
    if resize is not None:
        check_integer("resize", resize, 1, MAX_SIDE)
    root = _expanded(data_root) if data_root is not None else default_data_root()
    data = _tensors(name, _read(name, root, resize))
    if validation:
        data = data.hold_out(validation, seed)
    # after the validation split, which is then the same for every share, and whose labels, like those of the test
    # split, stay true: its accuracy estimates the test accuracy. Labels are replaced last, so that their share is
    # that of the samples that are trained on
    if train_share < 1:
        data = take_share(data, train_share, seed)
    if label_noise:
        data = replace_labels(data, label_noise, seed)
    return data.standardised().to(torch.device(device))


def _read(name: str, root: Path, resize: int | None) -> RawData:
    kind, _, path = name.partition(":")
    if kind == "folder" and path:
        return read_folder(_expanded(path), resize)
    if resize is not None:
        raise DataError(f"{resize} with {name}", "images in folder:DIR to resize", "resize")
    if kind in FILE_READERS and path:
        return FILE_READERS[kind](_expanded(path))
    if name not in SOURCES:
        files = ", ".join(f"{kind}:FILE" for kind in FILE_READERS)
        expected = f"one of {', '.join(SOURCES)}, folder:DIR, {files}{hint(name, SOURCES)}"
        raise DataError(repr(name), expected, "dataset")
    return SOURCES[name](root)


def _expanded(path: str | Path) -> Path:
    """Expands ``~`` in a path, if the user has a home folder."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def _tensors(name: str, raw: RawData) -> Dataset:
    """Converts raw arrays to a data set; bytes stay bytes."""
    y_train, y_test = _labels(name, raw.y_train), _labels(name, raw.y_test)
    num_classes = raw.num_classes or int(y_train.max()) + 1
    train = Split(torch.from_numpy(raw.x_train), torch.from_numpy(y_train))
    test = Split(torch.from_numpy(raw.x_test), torch.from_numpy(y_test))
    return Dataset(name, train, test, num_classes)


def _labels(name: str, y: NDArray[Any]) -> NDArray[np.int64]:
    fractional = y[y != np.floor(y)] if y.dtype.kind == "f" else y[:0]
    if len(fractional):
        expected = "whole numbers, the classes (not targets of a regression)"
        raise DataError(f"label {fractional[0]}", expected, name)
    # a float beyond the range of int64 becomes a negative label, which is rejected later
    with np.errstate(invalid="ignore"):
        return y.astype(np.int64)
