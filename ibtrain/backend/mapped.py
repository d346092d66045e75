"""Tensors in temporary files, for what is larger than memory."""

import errno
import math
import os
import shutil
import tempfile
from collections.abc import Sequence

import torch
from torch import Tensor

from ibtrain.backend.memory import COPY_SHARE, MEMORY_SHARE, fits_memory
from ibtrain.backend.process_group import local_processes
from ibtrain.errors import OutOfMemoryError

__all__ = ["check_free", "is_large", "map_tensor", "reserve", "spacious_tensor"]

CPU = torch.device("cpu")


def free_disk() -> int:
    """Number of bytes that are free for temporary files."""
    return shutil.disk_usage(tempfile.gettempdir()).free


def mapped_tensor(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """A tensor of zeros on the CPU, in a file that the operating system maps into memory.

    Its pages are written to disk when memory is needed for something else. The file is in ``TMPDIR``, has no name and is
    gone with the tensor, also after a crash.

    Args:
        shape: Shape of the tensor.
        dtype: Type of its values.

    Raises:
        OSError: If the disk is too small.
    """
    with tempfile.NamedTemporaryFile(prefix="ibtrain-") as file:
        reserve(file.name, math.prod(shape) * dtype.itemsize)
        return map_tensor(file.name, shape, dtype)


def check_free(size: int) -> None:
    """Checks that so many bytes are free for temporary files: to fill the disk in vain would disturb others.

    Args:
        size: Number of bytes.

    Raises:
        OSError: If the disk is too small.
    """
    free = free_disk()
    if size > free:
        raise OSError(errno.ENOSPC, f"{free} bytes are free in {tempfile.gettempdir()}")


def reserve(path: str, size: int) -> None:
    """Reserves the space of a file in ``TMPDIR``.

    Args:
        path: The file.
        size: Its size in bytes.

    Raises:
        OSError: If the disk is too small.
    """
    check_free(size)
    # writing to the map of a file without space would kill the process; macOS has no such call
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, size))


def map_tensor(path: str, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """A tensor on the CPU whose values are those of a file, and are written to it.

    Args:
        path: The file, which may lose its name while the tensor exists.
        shape: Shape of the tensor.
        dtype: Type of its values.
    """
    flat = torch.from_file(path, shared=True, size=math.prod(shape), dtype=dtype)
    # in place, because parts of a view would have the flat tensor as their base
    return flat.resize_(*shape)


def is_large(size: int) -> bool:
    """Whether so many bytes are more than an eighth of the memory that each process which trains one network may have.

    Args:
        size: Number of bytes of samples, of which several copies may exist at once.
    """
    return not fits_memory(size, COPY_SHARE / local_processes())


def spacious_tensor(
    shape: Sequence[int],
    dtype: torch.dtype,
    where: str,
    *,
    device: torch.device = CPU,
    lower: str = "",
) -> Tensor:
    """A tensor of any values; on the CPU, it is in a temporary file if it would take more than an eighth of the memory.

    The processes that train one network on this machine make such a tensor each, and share the memory. Without space for a file, the
    tensor is in memory if it takes at most half of it.

    Args:
        shape: Shape of the tensor.
        dtype: Type of its values.
        where: What it is for, in words.
        device: Device of the tensor.
        lower: The settings on which its size depends, in words.

    Raises:
        OutOfMemoryError: If neither memory nor the disk has the space.
    """
    size = math.prod(shape) * dtype.itemsize
    if device.type != "cpu" or not is_large(size):
        return torch.empty(*shape, dtype=dtype, device=device)
    try:
        return mapped_tensor(shape, dtype)
    # torch's own error is of a limit of the address space
    except (OSError, RuntimeError) as error:
        count = local_processes()
        if fits_memory(size, MEMORY_SHARE / count):
            return torch.empty(*shape, dtype=dtype)
        settings = f"lower {lower}, or " if lower else ""
        reason = str(error).partition("\n")[0]
        raise OutOfMemoryError(
            f"{where}: {size} bytes are more than {MEMORY_SHARE / count:g} of the memory that this process may have, and there is no "
            f"space for them in a temporary file ({reason}); {settings}set TMPDIR to a folder on a larger disk"
        ) from error
