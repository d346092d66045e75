"""Temporary files that all processes of a machine map, which then take the memory of one."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from ibtrain.backend.exchange import from_first_here, wait_for_all
from ibtrain.backend.mapped import map_tensor, temporary_file

__all__ = ["common_file", "common_tensor"]


@contextmanager
def common_file(write: Callable[[], Path | None]) -> Iterator[Path | None]:
    """A file that the first process of a machine writes, and that its processes map within the block.

    It loses its name when all have left the block, and is gone with what is mapped.

    Args:
        write: Writes the file and returns its path, or None without space for it; the first process alone calls it.
    """
    own: Path | None = None

    def written() -> Path | None:
        nonlocal own
        own = write()
        return own

    try:
        yield from_first_here(written)
        wait_for_all()
    finally:
        if own:
            own.unlink()


def common_tensor(shape: Sequence[int], dtype: torch.dtype) -> Tensor | None:
    """A tensor of zeros on the CPU that the processes of a machine have in common: what one writes, all read.

    Args:
        shape: Shape of the tensor.
        dtype: Type of its values.

    Returns:
        The tensor, or None if there is no space for its file in ``TMPDIR``.
    """

    def write() -> Path | None:
        try:
            return temporary_file(math.prod(shape) * dtype.itemsize)
        except OSError:
            return None

    with common_file(write) as path:
        return map_tensor(path, shape, dtype) if path else None
