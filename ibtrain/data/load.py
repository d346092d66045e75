"""Loads a data set by name, as standardised tensors on the training device."""

import os
from pathlib import Path

import torch

from ibtrain.checks import check_integer, check_share
from ibtrain.config import MAX_SIDE
from ibtrain.config.run import check_part
from ibtrain.data.dataset import Dataset
from ibtrain.data.matlab import read_mat
from ibtrain.data.raw import RawData, to_dataset
from ibtrain.data.sources import SOURCES, read_folder, read_npy, read_npz
from ibtrain.data.table_data import read_rows
from ibtrain.data.training_samples import replace_labels, take_samples, take_share
from ibtrain.errors import DataError
from ibtrain.io.files import is_folder
from ibtrain.text import hint

__all__ = ["default_data_root", "load_dataset"]

FILE_READERS = {"npz": read_npz, "mat": read_mat}
"""Readers of data sets in a file, by the ending of the file or the prefix of its path."""
READERS = {**FILE_READERS, "npy": read_npy}
"""Readers by the prefix of a path: that of npy names a folder, which has no ending."""
TABLES = ("csv", "tsv", "parquet")
"""Prefixes of files with a row for each sample."""


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
    train_samples: int | None = None,
    label_noise: float = 0.0,
    resize: int | None = None,
    target: str | None = None,
    seed: int = 0,
    device: str | torch.device = "cpu",
) -> Dataset:
    """Loads a data set, holds out a validation split on request, and standardises the samples.

    Args:
        name: ``digits``, ``szt`` (the 12-bit problem, :mod:`ibtrain.data.szt`), ``mnist``, ``fashion-mnist``,
            ``kmnist``, ``cifar10``, ``folder:DIR`` (``train/CLASS/*`` and ``test/CLASS/*`` images), ``npz:FILE``
            (``x`` and ``y``, or ``x_train`` and ``y_train``, and optionally ``x_test`` and ``y_test``), ``npy:DIR``
            (``x.npy``, ``y.npy`` and so on, which may be larger than memory),
            ``mat:FILE`` (``F`` and ``y``), ``csv:FILE``, ``tsv:FILE`` or ``parquet:FILE`` (a row for each sample); or a path
            that ends in ``.npz``, ``.mat``, ``.csv``, ``.tsv`` or ``.parquet``.
        data_root: Folder of torchvision's data sets, also for downloads.
        validation: Share of the training samples held out as a validation split; 0 holds out none.
        train_share: Share of the training samples that is kept.
        train_samples: Number of training samples that are kept, with the classes' shares of the whole; None keeps all.
        label_noise: Share of the training labels that is replaced by classes drawn uniformly; 1 makes all labels
            random. Labels of validation and test samples stay.
        resize: Height and width to which the images of ``folder:DIR`` are resized; None keeps their size.
        target: Column of the labels in a CSV, TSV or Parquet file; None is the only one called y, target, label or class.
        seed: Seeds the choice of the validation samples, of the training samples and of their labels.
        device: Device of the tensors.

    Returns:
        The data set, standardised with the statistics of the training samples that remain: images by channel,
        vectors by coordinate.

    Raises:
        ConfigError: If ``validation``, ``train_share``, ``train_samples``, ``label_noise`` or ``resize`` is invalid.
        DataError: If the data set is unknown, missing, broken or not a classification problem, or if no training
            sample of a class remains.
    """
    check_part(train_share, train_samples)
    check_share("label_noise", label_noise)
    if resize is not None:
        check_integer("resize", resize, 1, MAX_SIDE)
    root = _expanded(data_root) if data_root is not None else default_data_root()
    data = to_dataset(name, _read(name, root, resize, target))
    if validation:
        data = data.hold_out(validation, seed)
    # after the validation split, which is then the same for every share, and whose labels, like those of the test
    # split, stay true: its accuracy estimates the test accuracy. Labels are replaced last, so that their share is
    # that of the samples that are trained on
    if train_share < 1:
        data = take_share(data, train_share, seed)
    if train_samples is not None:
        data = take_samples(data, train_samples, seed)
    if label_noise:
        data = replace_labels(data, label_noise, seed)
    return data.standardised().to(torch.device(device))


def _read(name: str, root: Path, resize: int | None, target: str | None) -> RawData:
    kind, _, path = name.partition(":")
    ending = Path(name).suffix.lower().removeprefix(".")
    if kind not in (*READERS, *TABLES, "folder") and ending in (*FILE_READERS, *TABLES):
        kind, path = ending, name
    if kind in TABLES and path and resize is None:
        return read_rows(_expanded(path), target)
    if target is not None:
        given = f"{target} with {name}"
        raise DataError(given, "a .csv, .tsv or .parquet file with such a column", "target")
    if kind == "folder" and path:
        return read_folder(_expanded(path), resize)
    if resize is not None:
        raise DataError(f"{resize} with {name}", "images in folder:DIR to resize", "resize")
    if kind in READERS and path:
        return READERS[kind](_expanded(path))
    if name not in SOURCES:
        endings = ", ".join(f".{ending}" for ending in (*TABLES, *FILE_READERS))
        advice = hint(name, SOURCES)
        if ending == "npy":
            advice = f" (did you mean 'npy:{Path(name).parent}'?)"
        elif name and is_folder(_expanded(name)):
            has_arrays = any(_expanded(name).glob("*.npy"))
            advice = f" (did you mean '{'npy' if has_arrays else 'folder'}:{name}'?)"
        expected = f"one of {', '.join(SOURCES)}, folder:DIR, npy:DIR, or a file that ends in one of {endings}"
        raise DataError(repr(name), expected + advice, "dataset")
    return SOURCES[name](root)


def _expanded(path: str | Path) -> Path:
    """Expands ``~`` in a path, if the user has a home folder."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
