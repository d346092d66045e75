"""Tells the operating system which pages of a mapped file are read next."""

import ctypes
import mmap
from functools import cache
from typing import Any, Literal

import torch
from jaxtyping import Int
from torch import Tensor

__all__ = ["advise", "row_pages"]

PAGE = mmap.PAGESIZE
Advice = Literal["NORMAL", "RANDOM", "WILLNEED"]


def row_pages(x: Tensor, rows: Int[Tensor, " n"]) -> Int[Tensor, "runs 2"]:
    """Finds the pages of some rows.

    Args:
        x: A contiguous tensor ``(rows, ...)`` on the CPU.
        rows: Indices of rows, in any order.

    Returns:
        The first page of each run of neighbouring pages and the page after its last, in order; page 0 is that where ``x`` starts.
    """
    size = x[0].nbytes
    start = x.data_ptr() % PAGE + rows * size
    first, last = start // PAGE, (start + size - 1) // PAGE
    # one page more at both ends, so that each run has a start and an end
    is_read = torch.zeros(2 + (x.data_ptr() % PAGE + x.nbytes - 1) // PAGE + 1, dtype=torch.int8)
    for page in range(int((last - first).max()) + 1):
        is_read[1 + torch.minimum(first + page, last)] = 1
    return is_read.diff().nonzero().view(-1, 2)


def advise(x: Tensor, advice: Advice, pages: tuple[int, int] | None = None) -> None:
    """Calls ``madvise`` for a tensor. Its values stay the same; a system without the call, such as Windows, does without the advice.

    Args:
        x: A contiguous tensor on the CPU.
        advice: ``WILLNEED`` reads the pages now, ``RANDOM`` reads no neighbours of a page, ``NORMAL`` as the system sees fit.
        pages: The first page and the page after the last one, as of :func:`row_pages`; None is all of ``x``.
    """
    constant = getattr(mmap, f"MADV_{advice}", None)
    if constant is None:
        return
    start = x.data_ptr() // PAGE * PAGE
    first, stop = pages or (0, -(-(x.data_ptr() + x.nbytes - start) // PAGE))
    _madvise()(start + first * PAGE, (stop - first) * PAGE, constant)


@cache
def _madvise() -> Any:
    """The C library's function: Python's own is a method of maps that Python has made, and torch makes its own."""
    function = ctypes.CDLL(None).madvise
    function.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return function
