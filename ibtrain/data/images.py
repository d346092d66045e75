"""Images in folders, decoded one at a time once their declared size is known to be right."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ibtrain.documents import is_regular
from ibtrain.errors import DataError
from ibtrain.memory import check_memory

__all__ = ["list_images", "read_images"]

FORMATS = {
    ".bmp": "BMP",
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".pgm": "PPM",
    ".png": "PNG",
    ".ppm": "PPM",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
"""The only decoders that a file's content may choose from; Pillow's others include one that starts a
program (Ghostscript)."""
MAX_PIXELS = 1 << 26
"""Of one image: 8,192 x 8,192."""


def list_images(folder: Path) -> dict[str, list[Path]]:
    """The images of each class, ``CLASS/**/*``, in the order of torchvision's ImageFolder.

    Links are followed, because folders of links are how subsets are made; nothing is ever written.

    Raises:
        DataError: There is no class, a class has no image, or links lead to a folder twice
            (in a circle they would do so for ever).
    """
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    except (OSError, ValueError) as error:
        expected = f"a folder of classes, each with images ({error})"
        raise DataError("no images", expected, str(folder)) from error
    classes = {name: list(_below(folder / name)) for name in names}
    empty = [name for name, files in classes.items() if not files]
    if empty or not classes:
        given = f"no images in {', '.join(empty)}" if empty else "no images"
        expected = f"a folder of classes, each with images ({', '.join(FORMATS)})"
        raise DataError(given, expected, str(folder))
    return classes


def _below(folder: Path) -> Iterator[Path]:
    found: list[tuple[str, list[str]]] = []
    seen: set[Path] = set()
    for place, _, files in os.walk(folder, followlinks=True):
        real = Path(place).resolve()
        if real in seen:
            raise DataError("a folder that links reach twice", "each folder once", place)
        seen.add(real)
        found.append((place, files))
    for place, files in sorted(found):
        for name in sorted(files):
            if Path(name).suffix.lower() in FORMATS:
                yield Path(place, name)


def read_images(files: list[Path], shape: tuple[int, ...] | None = None) -> NDArray[np.uint8]:
    """Images of one size as ``(images, height, width, 3)`` bytes.

    Args:
        files: The images, at least one.
        shape: What ``(height, width)`` all must have; None is the first one's.

    Raises:
        DataError: One can't be decoded, or has another size, or all are more than memory can hold.
    """
    images = np.empty(0, dtype=np.uint8)
    for index, file in enumerate(files):
        with _decoding(file), _opened(file) as image:
            size = image.height, image.width
            shape = shape or size
            if size != shape:
                expected = f"images of {shape[1]} x {shape[0]} pixels, as the first one"
                raise DataError(f"{size[1]} x {size[0]} pixels", expected, str(file))
            if index == 0:
                if size[0] * size[1] > MAX_PIXELS:
                    given = f"{size[1]} x {size[0]} pixels"
                    raise DataError(given, f"at most {MAX_PIXELS} in an image", str(file))
                total = len(files) * size[0] * size[1] * 3
                check_memory(total, f"{len(files)} images", DataError, str(file.parents[1]))
                images = np.empty((len(files), *size, 3), dtype=np.uint8)
            images[index] = np.asarray(image.convert("RGB"))
    return images


def _opened(file: Path) -> Any:
    from PIL import Image

    if not is_regular(file):
        raise DataError("no regular file", "an image", str(file))
    with warnings.catch_warnings():
        # sizes are checked here, against a limit of our own
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(file, formats=sorted(set(FORMATS.values())))


@contextmanager
def _decoding(file: Path) -> Iterator[None]:
    """Tells in a line that a file is no image.

    Raises:
        DataError: It isn't.
    """
    try:
        yield
    except DataError:
        raise
    # what Pillow's decoders raise on a broken file has no end: struct.error, KeyError, EOFError, ...
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            "a file that can't be decoded", f"an image ({reason})", str(file)
        ) from error
