"""Temporary files that all processes of a machine map, which then take the memory of one."""

import math
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import torch
from torch import Tensor

from ibtrain.backend.exchange import share_out, wait_for_all
from ibtrain.backend.mapped import map_tensor, reserve
from ibtrain.backend.process_group import local_processes, local_rank, local_ranks, num_processes

__all__ = ["common_file", "common_tensor"]


@contextmanager
def common_file(write: Callable[[str], object]) -> Iterator[str | None]:
    """A file that the first process of each machine writes, and that its processes open within the block.

    The file is in ``TMPDIR``, has no name and is gone with what is mapped, also after a crash.

    Args:
        write: Writes to the path that it is given; the first process of each machine calls it.

    Yields:
        A path of the file that is valid within the block; None on a machine with a single process, without space for it in ``TMPDIR``, or
            without ``/proc``.
    """
    # within share_out each process is alone
    writes, first = local_rank() == 0 and local_processes() > 1, local_ranks()[0]

    def written(_: int) -> str | None:
        if not writes:
            return None
        try:
            file = stack.enter_context(tempfile.TemporaryFile(prefix="ibtrain-"))  # noqa: SIM115
            path = f"/proc/{os.getpid()}/fd/{file.fileno()}"
            write(path)
        # torch's own error is of a disk that is full
        except (OSError, RuntimeError):
            return None
        return path

    with ExitStack() as stack:
        yield share_out(written, range(num_processes()))[first]
        wait_for_all()


def common_tensor(shape: Sequence[int], dtype: torch.dtype) -> Tensor | None:
    """A tensor of any values on the CPU that the processes of a machine have in common: what one writes, all read.

    Args:
        shape: Shape of the tensor.
        dtype: Type of its values.

    Returns:
        The tensor, or None in all processes of a machine that has a single one, or can't share a file.
    """
    tensor: Tensor | None = None
    size = math.prod(shape) * dtype.itemsize
    with common_file(lambda path: reserve(path, size)) as path:

        def is_mapped(_: int) -> bool:
            nonlocal tensor
            with suppress(OSError, RuntimeError):
                tensor = map_tensor(path, shape, dtype) if path else None
            return tensor is not None

        mapped = share_out(is_mapped, range(num_processes()))
    return tensor if all(mapped[other] for other in local_ranks()) else None
