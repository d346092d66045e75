"""Sources of samples: one function per source, which returns raw arrays."""

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ibtrain.backend.mapped import is_large
from ibtrain.data.archives import read_archive
from ibtrain.data.image_archives import read_image_archive
from ibtrain.data.images import ImageFile, list_images, read_images, widened
from ibtrain.data.labels import Class
from ibtrain.data.mapped import map_archive, map_array
from ibtrain.data.raw import RawData, checked_arrays, raw_data, split_off_test
from ibtrain.data.szt import read_szt
from ibtrain.errors import DataError
from ibtrain.io.files import is_folder, read_error, system_failure

__all__ = ["SOURCES", "read_folder", "read_npy", "read_npz"]

CIFAR10_FOLDER = "cifar-10-batches-py"
CIFAR10_ARCHIVE = "cifar10-images.tar.gz"
CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
CIFAR10_SHAPE = (32, 32)


def read_digits(root: Path) -> RawData:
    """Reads scikit-learn's 1,797 digits of 8 x 8 pixels, which need no download."""
    del root
    from sklearn.datasets import load_digits

    digits = load_digits()
    return split_off_test(digits.images[:, None].astype(np.float32), digits.target, "digits")


def _read_torchvision(class_name: str, folder: str) -> Callable[[Path], RawData]:
    """Returns a reader of one of torchvision's data sets, which downloads it into the root if it is missing."""

    def read(root: Path) -> RawData:
        from torchvision import datasets

        dataset_class = getattr(datasets, class_name)

        def load(where: Path, *, download: bool) -> tuple[Any, Any]:
            # torchvision prints to stdout, which is reserved for the command's result
            with redirect_stdout(sys.stderr):
                train = dataset_class(str(where), train=True, download=download)
                return train, dataset_class(str(where), train=False, download=False)

        if not is_folder(root / folder):
            _download(root, folder, lambda where: load(where, download=True))
        handled = sys.exc_info()[1]
        try:
            train, test = (_arrays(split) for split in load(root, download=False))
        except Exception as error:
            failure = system_failure(error, handled)
            if failure is not None and not isinstance(failure, FileNotFoundError):
                raise read_error(failure, root / folder) from error
            expected = f"the complete files of {class_name} as torchvision stores them ({error})"
            raise DataError("a missing or broken file", expected, str(root / folder)) from error
        where = str(root / folder)
        train, test = (
            checked_arrays(*train, f"{where}: train"),
            checked_arrays(*test, f"{where}: test"),
        )
        raw = RawData(*train, *test, tuple(range(10)))
        if raw.x_train.shape[1:] != raw.x_test.shape[1:]:
            expected = f"samples of shape {raw.x_train.shape[1:]}, as in train"
            raise DataError(f"shape {raw.x_test.shape[1:]}", expected, f"{where}: test")
        return raw

    return read


def _download(root: Path, folder: str, load: Callable[[Path], object]) -> None:
    """Downloads into a temporary folder and renames it, so that no incomplete download remains."""
    missing = [parent for parent in (root, *root.parents) if not is_folder(parent)]
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=".download-") as scratch:
            load(Path(scratch))
            try:
                (Path(scratch) / folder).rename(root / folder)
            except OSError:
                # another process may have been faster
                if not is_folder(root / folder):
                    raise
    except Exception as error:
        with suppress(OSError):
            for created in missing:
                created.rmdir()
        lines = str(error).strip().splitlines() or [type(error).__name__]
        reason = lines[0].rstrip(":")
        raise DataError(
            f"no {folder} there, and its download failed ({reason})",
            f"a network, or a --data-root that holds {folder}",
            str(root),
        ) from error


def _arrays(split: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Returns images and labels of one of torchvision's data sets; files of an old MNIST may hold any objects."""
    return _images(split.data), np.asarray(split.targets)


def _images(data: Any) -> NDArray[Any]:
    """Returns images as an array ``(samples, channels, height, width)``.

    Raises:
        ValueError: If the array has neither the shape of grey nor of colour images.
    """
    images = np.asarray(data)
    if images.ndim not in (3, 4):
        raise ValueError(f"images of shape {images.shape}")
    return images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)


def read_folder(path: Path, resize: int | None = None) -> RawData:
    """Reads images of one size in torchvision's ImageFolder layout, ``train/CLASS/*`` and ``test/CLASS/*``.

    Args:
        path: The folder.
        resize: Height and width to which every image is resized; None keeps the size.

    Raises:
        DataError: If the folder has another layout, or :func:`~ibtrain.data.images.read_images` can't read it.
    """
    train, test = list_images(path / "train"), list_images(path / "test")
    if list(train) != list(test):
        unmatched = sorted(set(train) ^ set(test))
        expected = "the same classes in train and test"
        raise DataError(f"{', '.join(unmatched)} in only one of them", expected, str(path))
    return _decoded(train, test, tuple(train), str(path), resize=resize)


def _decoded(
    train: Mapping[str, Sequence[ImageFile]],
    test: Mapping[str, Sequence[ImageFile]],
    classes: tuple[Class, ...],
    where: str,
    shape: tuple[int, int] | None = None,
    resize: int | None = None,
) -> RawData:
    """Decodes the images of each class in both splits, all of one size."""
    options: dict[str, Any] = {"resize": resize, "where": where}
    x_train = read_images(list(chain(*train.values())), shape, **options)
    x_test = read_images(list(chain(*test.values())), x_train.shape[1:3], **options)
    if x_train.dtype != x_test.dtype:
        x_train, x_test = (widened(x, where) for x in (x_train, x_test))
    return RawData(_images(x_train), _targets(train), _images(x_test), _targets(test), classes)


def _targets(classes: Mapping[str, Sequence[ImageFile]]) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(classes)), [len(files) for files in classes.values()])


def _read_cifar10(root: Path) -> RawData:
    """Reads CIFAR-10 from torchvision's folder, or else from an archive of its images, or else downloads it.

    The images of the archive are re-encoded as JPEGs: their pixels differ a little from the original ones.
    """
    archive = root / CIFAR10_ARCHIVE
    if is_folder(root / CIFAR10_FOLDER) or not archive.exists():
        return _read_torchvision("CIFAR10", CIFAR10_FOLDER)(root)
    train, test = read_image_archive(archive)
    for split, classes in (("train", train), ("test", test)):
        if tuple(classes) != CIFAR10_CLASSES:
            expected = f"images of {', '.join(CIFAR10_CLASSES)}"
            given = f"images of {', '.join(classes) or 'no class'}"
            raise DataError(given, expected, f"{archive}: {split}")
    # the labels are those of torchvision's files, which have the same order
    return _decoded(train, test, tuple(range(len(CIFAR10_CLASSES))), str(archive), CIFAR10_SHAPE)


def read_npz(path: Path) -> RawData:
    """Reads ``x``, ``y``, and ``x_test`` and ``y_test``, without which a fixed fifth is the test split.

    As in Keras, ``x`` and ``y`` may be named ``x_train`` and ``y_train``, labels may have
    shape ``(samples, 1)``, and images ``(samples, height, width)`` or, with 1, 3 or 4 channels,
    ``(samples, height, width, channels)``. If the second axis has 1, 3 or 4 entries too, it is taken for
    the channels, as in PyTorch.

    Labels are whole numbers of any range, strings or one-hot rows. Samples that are not bytes are centred before they are rounded to float32.
    """
    aliases = {"x": "x_train", "y": "y_train"}
    read = read_archive
    with suppress(OSError, ValueError):
        # what a file that can't be read is, its reader tells
        if is_large(path.stat().st_size):
            read = map_archive
    return _named_arrays(read(path, ("x", "y"), ("x_test", "y_test"), aliases), path)


def read_npy(path: Path) -> RawData:
    """Maps ``x.npy``, ``y.npy``, and ``x_test.npy`` and ``y_test.npy`` of a folder, so that they may be larger than memory.

    They may have the names, shapes and types that :func:`read_npz` takes.
    """
    if not is_folder(path):
        raise DataError("no such folder", "a folder with x.npy and y.npy", str(path))
    x, y = ("x_train", "y_train") if (path / "x_train.npy").exists() else ("x", "y")
    arrays = {"x": map_array(path / f"{x}.npy"), "y": map_array(path / f"{y}.npy")}
    for key in ("x_test", "y_test"):
        if (path / f"{key}.npy").exists():
            arrays[key] = map_array(path / f"{key}.npy")
    return _named_arrays(arrays, path)


def _named_arrays(arrays: dict[str, NDArray[Any]], path: Path) -> RawData:
    """Samples and labels of both splits by their names in a file or folder."""
    if ("x_test" in arrays) != ("y_test" in arrays):
        raise DataError(
            f"keys {', '.join(arrays)}", "both x_test and y_test, or neither", str(path)
        )
    test = (arrays.pop("x_test"), arrays.pop("y_test")) if "x_test" in arrays else None
    # popped, so that the memory of the arrays is free as soon as they are copied
    return raw_data(
        arrays.pop("x"),
        arrays.pop("y"),
        f"{path}: x, y",
        test=test,
        test_where=f"{path}: x_test, y_test",
        source=str(path),
    )


SOURCES: dict[str, Callable[[Path], RawData]] = {
    "digits": read_digits,
    "szt": lambda _: read_szt(),
    "mnist": _read_torchvision("MNIST", "MNIST"),
    "fashion-mnist": _read_torchvision("FashionMNIST", "FashionMNIST"),
    "kmnist": _read_torchvision("KMNIST", "KMNIST"),
    "cifar10": _read_cifar10,
}
