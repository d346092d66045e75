"""Asks the operating system for parts of a mapped file before they are needed."""

import ctypes
import mmap
from functools import cache
from typing import Any

from torch import Tensor

__all__ = ["read_soon"]


def read_soon(x: Tensor) -> None:
    """Starts to read a tensor from the disk, if it is mapped from a file, and does not wait for it.

    It is advice (``madvise``), which the system may refuse.

    Args:
        x: A contiguous tensor on the CPU.
    """
    start = x.data_ptr() // mmap.PAGESIZE * mmap.PAGESIZE
    _madvise()(start, x.data_ptr() + x.nbytes - start, mmap.MADV_WILLNEED)


@cache
def _madvise() -> Any:
    """The C library's function; Python's own is a method of maps that Python has made, and torch makes its own."""
    function = ctypes.CDLL(None).madvise
    function.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return function
