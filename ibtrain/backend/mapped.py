"""Tensors in temporary files, for what is larger than memory."""

import errno
import math
import os
import shutil
import tempfile
from collections.abc import Sequence

import torch
from torch import Tensor

from ibtrain.backend.memory import COPY_SHARE, fits_memory
from ibtrain.errors import OutOfMemoryError

__all__ = ["free_disk", "mapped_tensor", "spacious_tensor"]


def free_disk() -> int:
    """Number of bytes that are free for temporary files."""
    return shutil.disk_usage(tempfile.gettempdir()).free


def mapped_tensor(shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
    """A tensor of zeros on the CPU, in a file that the operating system maps into memory.

    Its pages are written to disk when memory is needed for something else. The file is in ``TMPDIR``, has no name and is
    gone with the tensor, also after a crash.

    Args:
        shape: Shape of the tensor.
        dtype: Type of its values.

    Raises:
        OSError: If the disk is too small.
    """
    count = math.prod(shape)
    # to fill the disk in vain would disturb others
    if count * dtype.itemsize > free_disk():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with tempfile.NamedTemporaryFile(prefix="ibtrain-") as file:
        # writing to the map of a file without space would kill the process; macOS has no such call
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, max(1, count * dtype.itemsize))
        flat = torch.from_file(file.name, shared=True, size=count, dtype=dtype)
    # in place, because parts of a view would have the flat tensor as their base
    return flat.resize_(*shape)


def spacious_tensor(
    shape: Sequence[int], dtype: torch.dtype, where: str, *, lower: str = "", copies: int = 1
) -> Tensor:
    """A tensor of any values on the CPU, in memory or, if it would take more than an eighth of it, in a temporary file.

    Args:
        shape: Shape of the tensor.
        dtype: Type of its values.
        where: What it is for, in words.
        lower: The settings on which its size depends, in words.
        copies: How many processes of this machine make such a tensor.

    Raises:
        OutOfMemoryError: If neither memory nor the disk has the space.
    """
    size = math.prod(shape) * dtype.itemsize
    if fits_memory(size, COPY_SHARE / copies):
        return torch.empty(*shape, dtype=dtype)
    try:
        return mapped_tensor(shape, dtype)
    except OSError as error:
        share = round(copies / COPY_SHARE)
        advice = f"; lower {lower}" if lower else ""
        raise OutOfMemoryError(
            f"{where}: got {size} bytes, expected at most 1/{share} of the memory, or the {free_disk()} bytes free on the disk of "
            f"TMPDIR{advice}"
        ) from error
