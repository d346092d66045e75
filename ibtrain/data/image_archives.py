"""Reads the images of a tar archive into memory; nothing is extracted to disk."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ibtrain.data.archives import check_regular, read_errors
from ibtrain.data.images import FORMATS, StoredImage
from ibtrain.errors import DataError

__all__ = ["read_image_archive"]

SPLITS = ("train", "test")
MAX_TAR_BYTES = 1 << 29
"""Maximum number of bytes of an archive after decompression: five times those of CIFAR-10's 60,000 images."""
TAR_ERRORS = (tarfile.TarError, EOFError, MemoryError, OSError, ValueError, zlib.error)
"""Exceptions of tarfile, gzip and zlib for a file that is broken, or that can't be read now."""

Classes = dict[str, list[StoredImage]]
"""The images of each class, in the order of their names."""


def read_image_archive(path: Path) -> tuple[Classes, Classes]:
    """Reads the encoded images ``train/CLASS/*`` and ``test/CLASS/*`` of a ``.tar.gz`` file.

    It is decompressed once, in memory, and up to a limit, whatever it declares.

    Args:
        path: The file.

    Returns:
        The images of training and test by class.

    Raises:
        DataError: If the file is not such an archive, holds anything but these images, or is longer than the limit.
        UnreadableError: If the file is missing or can't be read now.
    """
    train: Classes = {}
    test: Classes = {}
    with read_errors(path, "a tar.gz archive", "of images", TAR_ERRORS):
        check_regular(path, "an archive")
        with gzip.open(path) as file:
            # a small file may decompress to any size
            content = file.read(MAX_TAR_BYTES + 1)
        if len(content) > MAX_TAR_BYTES:
            expected = f"at most {MAX_TAR_BYTES} bytes after decompression"
            raise DataError("a longer archive", expected, str(path))
        images = dict(_images(content, str(path)))
    for name in sorted(images):
        split, label, _ = name.split("/")
        classes = train if split == "train" else test
        classes.setdefault(label, []).append(StoredImage(f"{path}: {name}", images[name]))
    return train, test


def _images(archive: bytes, where: str) -> Iterator[tuple[str, bytes]]:
    """Yields the name and the content of each image; folders are skipped, and anything else is refused."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
        for member in tar:
            if member.isdir():
                continue
            path = PurePosixPath(member.name)
            is_image = len(path.parts) == 3 and path.parts[0] in SPLITS
            if not is_image or not member.isreg() or path.suffix.lower() not in FORMATS:
                expected = "images train/CLASS/* and test/CLASS/*, and nothing else"
                raise DataError(f"{member.name!r}", expected, where)
            content = tar.extractfile(member)
            assert content is not None
            yield str(path), content.read()
