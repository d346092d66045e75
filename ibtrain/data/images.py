"""Images in folders, decoded one at a time once their declared size is known to be right."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ibtrain.backend.memory import check_memory
from ibtrain.errors import DataError
from ibtrain.io.documents import is_regular
from ibtrain.io.files import read_error, system_failure

__all__ = ["list_images", "read_images", "widened"]

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
COLOURS = (
    "1", "CMYK", "HSV", "L", "LA", "LAB", "La", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "YCbCr",
)  # fmt: skip
"""Pillow's modes of 8 bits in a channel. It clips others when it converts them: floats, and 32 bits."""
OPAQUE = 255
WIDE = 257
"""Factor from 8 to 16 bits: it takes 255 to 65,535."""

Pixels = NDArray[np.uint8] | NDArray[np.uint16]


def list_images(folder: Path) -> dict[str, list[Path]]:
    """The images of each class, ``CLASS/**/*``, in the order of torchvision's ImageFolder.

    Links are followed, because folders of links are how subsets are made; nothing is ever written.
    Files and folders whose names start with a dot are left out, as everywhere hidden ones are.

    Raises:
        DataError: There is no class, a class has no image, or links lead to a folder twice
            (in a circle they would do so for ever).
    """
    try:
        folders = [entry.name for entry in os.scandir(folder) if entry.is_dir()]
    except (OSError, ValueError) as error:
        expected = f"a folder of classes, each with images ({error})"
        raise DataError("no images", expected, str(folder)) from error
    names = sorted(name for name in folders if not _is_hidden(name))
    classes = {name: list(_below(folder / name)) for name in names}
    empty = [name for name, files in classes.items() if not files]
    if empty or not classes:
        given = f"no images in {', '.join(empty)}" if empty else "no images"
        expected = f"a folder of classes, each with images ({', '.join(FORMATS)})"
        raise DataError(given, expected, str(folder))
    return classes


def _is_hidden(name: str) -> bool:
    return name.startswith(".")


def _below(folder: Path) -> Iterator[Path]:
    found: list[tuple[str, list[str]]] = []
    seen: set[Path] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        real = Path(place).resolve()
        if real in seen:
            raise DataError("a folder that links reach twice", "each folder once", place)
        seen.add(real)
        found.append((place, files))
    for place, files in sorted(found):
        for name in sorted(files):
            if Path(name).suffix.lower() in FORMATS and not _is_hidden(name):
                yield Path(place, name)


def read_images(
    files: list[Path], shape: tuple[int, ...] | None = None, *, resize: int | None = None
) -> Pixels:
    """Images of one size as ``(images, height, width, 3)`` values of 8 bits, or of 16.

    16-bit grey images keep their range and their precision: if there is one, all images are given
    16 bits. Transparent pixels are composited onto white.

    Args:
        files: The images, at least one.
        shape: What ``(height, width)`` all must have; None is the first one's.
        resize: Height and width that every image is resized to, whatever its size.

    Raises:
        DataError: One can't be decoded, has values whose range is unknown, or has another size, or
            all are more than memory can hold.
    """
    images: Pixels = np.empty(0, dtype=np.uint8)
    for index, file in enumerate(files):
        with _decoding(file), _opened(file) as image:
            size = image.height, image.width
            shape = (resize, resize) if resize else shape or size
            if size != shape and not resize:
                expected = (
                    f"images of {shape[1]} x {shape[0]} pixels, as the first one, or --resize"
                )
                raise DataError(f"{size[1]} x {size[0]} pixels", expected, str(file))
            if size[0] * size[1] > MAX_PIXELS:
                given = f"{size[1]} x {size[0]} pixels"
                raise DataError(given, f"at most {MAX_PIXELS} in an image", str(file))
            if index == 0:
                _check_memory(files, shape, 1)
                images = np.empty((len(files), *shape, 3), dtype=np.uint8)
            pixels = _pixels(image, file, resize)
            if pixels.dtype.itemsize > images.dtype.itemsize:
                _check_memory(files, shape, pixels.dtype.itemsize)
                images = widened(images)
            images[index] = pixels if pixels.dtype == images.dtype else widened(pixels)
    return images


def widened(pixels: Pixels) -> NDArray[np.uint16]:
    """Values of 8 bits as values of 16, of the same brightness; what has 16 is returned as it is."""
    wide = pixels.astype(np.uint16, copy=False)
    return wide * np.uint16(WIDE) if pixels.dtype == np.uint8 else wide


def _check_memory(files: list[Path], shape: tuple[int, ...], itemsize: int) -> None:
    total = len(files) * shape[0] * shape[1] * 3 * itemsize
    check_memory(total, f"{len(files)} images", DataError, str(files[0].parents[1]))


def _pixels(image: Any, file: Path, resize: int | None) -> Pixels:
    """One image's ``(height, width, 3)`` values, of 8 bits or, where it has more, of 16."""
    if _is_grey16(image):
        return _grey16(image, file, resize)
    if image.mode not in COLOURS:
        given = f"pixels of Pillow's mode {image.mode}, whose range is unknown"
        expected = "8 bits in a channel, or 16-bit grey: convert it to an 8- or 16-bit PNG"
        raise DataError(given, expected, str(file))
    plain = _opaque(image) if image.has_transparency_data else image.convert("RGB")
    return np.asarray(plain.resize((resize, resize)) if resize else plain)


def _is_grey16(image: Any) -> bool:
    # Pillow keeps the 16 bits of a PGM, and in older versions those of a PNG, in 32
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))


def _grey16(image: Any, file: Path, resize: int | None) -> NDArray[np.uint16]:
    """A 16-bit grey image as three equal channels."""
    from PIL import Image

    if image.has_transparency_data:
        expected = "an opaque one: convert it without transparency"
        raise DataError("a 16-bit image with transparency", expected, str(file))
    grey = np.asarray(image)
    if resize:
        # Pillow resizes floats, and not 16 bits in every version
        floats = Image.fromarray(grey.astype(np.float32)).resize((resize, resize))
        grey = np.asarray(floats).round().clip(0, np.iinfo(np.uint16).max)
    return np.repeat(grey.astype(np.uint16)[:, :, None], 3, axis=2)


def _opaque(image: Any) -> Any:
    """An image on a white background."""
    from PIL import Image

    layers = image.convert("RGBA")
    if layers.getchannel("A").getextrema()[0] == OPAQUE:
        return layers.convert("RGB")
    background = Image.new("RGBA", layers.size, "white")
    return Image.alpha_composite(background, layers).convert("RGB")


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
        UnreadableError: It can't be read now.
    """
    handled = sys.exc_info()[1]
    try:
        yield
    except DataError:
        raise
    # what Pillow's decoders raise on a broken file has no end: struct.error, KeyError, EOFError, ...
    except Exception as error:
        failure = system_failure(error, handled)
        if failure is not None:
            raise read_error(failure, file) from error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            "a file that can't be decoded", f"an image ({reason})", str(file)
        ) from error
