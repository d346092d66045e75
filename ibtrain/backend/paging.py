"""Asks the operating system for parts of a mapped file before they are needed."""

import ctypes
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from torch import Tensor

__all__ = ["random_reads", "read_soon"]


@contextmanager
def random_reads(x: Tensor) -> Iterator[None]:
    """Within the block, a page of a tensor that is read, if it is mapped from a file, is read alone.

    By default the system reads neighbours too. Where memory is short, they take the place of pages that were asked for by
    :func:`read_soon`, which then are read again, with neighbours that take the place of more.

    Args:
        x: A contiguous tensor on the CPU.
    """
    _advise(x, mmap.MADV_RANDOM)
    try:
        yield
    finally:
        _advise(x, mmap.MADV_NORMAL)


def read_soon(x: Tensor) -> None:
    """Starts to read a tensor from the disk, if it is mapped from a file, and does not wait for it.

    Args:
        x: A contiguous tensor on the CPU.
    """
    _advise(x, mmap.MADV_WILLNEED)


def _advise(x: Tensor, advice: int) -> None:
    """Gives advice for the pages of a tensor, which the system may ignore."""
    start = x.data_ptr() // mmap.PAGESIZE * mmap.PAGESIZE
    _madvise()(start, x.data_ptr() + x.nbytes - start, advice)


@cache
def _madvise() -> Any:
    """The C library's function; Python's own is a method of maps that Python has made, and torch makes its own."""
    function = ctypes.CDLL(None).madvise
    function.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return function
