"""Reads folders of images, each decoded only after its declared size has been checked."""

import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ibtrain.backend.mapped import spacious_tensor
from ibtrain.backend.memory import memory_advice
from ibtrain.data.rows import row_slices
from ibtrain.errors import DataError
from ibtrain.io.documents import is_regular
from ibtrain.io.files import read_error, system_failure

__all__ = ["FORMATS", "ImageFile", "StoredImage", "list_images", "read_images", "widened"]

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
"""Allowed file name extensions, and the only Pillow decoders that a file's content may select; one of the
others starts an external program (Ghostscript)."""
MAX_PIXELS = 1 << 26
"""Maximum number of pixels of an image: 8,192 x 8,192."""
EIGHT_BIT_MODES = (
    "1", "CMYK", "HSV", "L", "LA", "LAB", "La", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "YCbCr",
)  # fmt: skip
"""Pillow's modes with 8 bits per channel. Pillow clips the values of other modes (floats, 32 bits) to convert them."""
OPAQUE_ALPHA = 255
SCALE_8_TO_16_BITS = 257
"""Factor from 8-bit to 16-bit values: 255 becomes 65,535."""

Pixels = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True)
class StoredImage:
    """An encoded image in memory.

    Args:
        where: The archive and the image's name in it.
        content: The encoded image.
    """

    where: str
    content: bytes

    def __str__(self) -> str:
        return self.where


ImageFile = Path | StoredImage


def list_images(folder: Path) -> dict[str, list[Path]]:
    """Lists the images of each class, ``CLASS/**/*``, in the order of torchvision's ImageFolder.

    Links are followed, because subsets of a data set are often folders of links; nothing is ever written.
    Hidden files and folders, whose names start with a dot, are ignored.

    Raises:
        DataError: If there is no class, a class has no image, or links lead to the same folder twice
            (circular links would never end).
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
    contents: list[tuple[str, list[str]]] = []
    visited: set[Path] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        target = Path(place).resolve()
        if target in visited:
            raise DataError(
                "a folder that is reached twice through links", "each folder once", place
            )
        visited.add(target)
        contents.append((place, files))
    for place, files in sorted(contents):
        for name in sorted(files):
            if Path(name).suffix.lower() in FORMATS and not _is_hidden(name):
                yield Path(place, name)


def read_images(
    files: Sequence[ImageFile],
    shape: tuple[int, ...] | None = None,
    *,
    resize: int | None = None,
    where: str = "images",
) -> Pixels:
    """Reads images of the same size as an array ``(images, height, width, 3)`` of 8-bit or 16-bit values.

    16-bit grey images keep their range and precision: if there is one, all images are converted to
    16 bits. Transparent images are composited onto a white background. Images that take more than an eighth of the
    memory are in a temporary file.

    Args:
        files: The images, at least one.
        shape: Required ``(height, width)`` of all images; None requires the size of the first one.
        resize: Height and width to which every image is resized; None keeps the size.
        where: The folder or the archive of the images, for error messages.

    Raises:
        DataError: If an image can't be decoded, or has values of an unknown range or another size.
        OutOfMemoryError: If neither memory nor the disk has the space for all images.
    """
    images: Pixels = np.empty(0, dtype=np.uint8)
    for index, file in enumerate(files):
        with _decode_errors(file), _opened(file) as image:
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
            pixels = _pixels(image, file, resize)
        if index == 0:
            images = _empty((len(files), *shape, 3), torch.uint8, where).numpy()
        if pixels.dtype.itemsize > images.dtype.itemsize:
            images = widened(images, where)
        images[index] = pixels if pixels.dtype == images.dtype else _with_16_bits(pixels)
    return images


def widened(images: Pixels, where: str) -> NDArray[np.uint16]:
    """Converts images of 8 bits to 16 bits of the same brightness; those of 16 bits are returned unchanged.

    Args:
        images: The images, ``(images, height, width, 3)``.
        where: As of :func:`read_images`.

    Raises:
        OutOfMemoryError: If neither memory nor the disk has the space.
    """
    if images.dtype == np.uint16:
        return cast(NDArray[np.uint16], images)
    wide: NDArray[np.uint16] = _empty(images.shape, torch.uint16, where).numpy()
    for part in row_slices(images):
        wide[part] = _with_16_bits(images[part])
    return wide


def _with_16_bits(pixels: Pixels) -> NDArray[np.uint16]:
    return pixels.astype(np.uint16) * np.uint16(SCALE_8_TO_16_BITS)


def _empty(shape: Sequence[int], dtype: torch.dtype, where: str) -> Tensor:
    place, lower = f"{where}: {shape[0]} images", "their number, or their size with --resize"
    with memory_advice(place, lower):
        return spacious_tensor(shape, dtype, place, lower=lower)


def _pixels(image: Any, file: ImageFile, resize: int | None) -> Pixels:
    """Returns the pixels ``(height, width, 3)`` of an image, with 8 bits, or 16 if it has more than 8."""
    if _is_grey16(image):
        return _grey16(image, file, resize)
    if image.mode not in EIGHT_BIT_MODES:
        given = f"pixels of Pillow's mode {image.mode}, whose range is unknown"
        expected = "8 bits per channel, or 16-bit grey: convert it to an 8- or 16-bit PNG"
        raise DataError(given, expected, str(file))
    rgb = image
    if image.has_transparency_data:
        rgb = _opaque(image)
    elif image.mode != "RGB":
        rgb = image.convert("RGB")
    return np.asarray(rgb.resize((resize, resize)) if resize else rgb)


def _is_grey16(image: Any) -> bool:
    # Pillow stores 16-bit PGM images, and in older versions PNG images, with 32 bits
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))


def _grey16(image: Any, file: ImageFile, resize: int | None) -> NDArray[np.uint16]:
    """Returns a 16-bit grey image as three equal channels."""
    from PIL import Image

    if image.has_transparency_data:
        expected = "an opaque image: convert it without transparency"
        raise DataError("a 16-bit image with transparency", expected, str(file))
    grey = np.asarray(image)
    if resize:
        # every version of Pillow can resize floats, but not 16-bit values
        floats = Image.fromarray(grey.astype(np.float32)).resize((resize, resize))
        grey = np.asarray(floats).round().clip(0, np.iinfo(np.uint16).max)
    return np.repeat(grey.astype(np.uint16)[:, :, None], 3, axis=2)


def _opaque(image: Any) -> Any:
    """Composites an image onto a white background."""
    from PIL import Image

    layers = image.convert("RGBA")
    if layers.getchannel("A").getextrema()[0] == OPAQUE_ALPHA:
        return layers.convert("RGB")
    background = Image.new("RGBA", layers.size, "white")
    return Image.alpha_composite(background, layers).convert("RGB")


def _opened(file: ImageFile) -> Any:
    from PIL import Image

    if isinstance(file, Path) and not is_regular(file):
        raise DataError("something that is not a regular file", "an image", str(file))
    source = file if isinstance(file, Path) else io.BytesIO(file.content)
    with warnings.catch_warnings():
        # read_images checks the size against MAX_PIXELS
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(source, formats=sorted(set(FORMATS.values())))


@contextmanager
def _decode_errors(file: ImageFile) -> Iterator[None]:
    """Turns errors of Pillow into messages of one line.

    Raises:
        DataError: If the file is not a valid image.
        UnreadableError: If the file can't be read now.
    """
    handled = sys.exc_info()[1]
    try:
        yield
    except DataError:
        raise
    # Pillow's decoders may raise any exception on a broken file: struct.error, KeyError, EOFError, ...
    except Exception as error:
        failure = system_failure(error, handled)
        if failure is not None:
            raise read_error(failure, Path(str(file))) from error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            "a file that can't be decoded", f"an image ({reason})", str(file)
        ) from error
