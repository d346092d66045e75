"""Samples in a mapped file are asked for before they are needed."""

import mmap
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ibtrain.backend import paging
from ibtrain.backend.paging import PAGE, advise, row_pages
from ibtrain.train import read_ahead as module
from ibtrain.train.read_ahead import read_ahead

Call = tuple[str, tuple[int, int] | None]


def mapped(path: Path, shape: tuple[int, ...], offset: int = PAGE // 4 + 3) -> Tensor:
    """Numbers in a file that torch maps, of which ``offset`` are left out at its start."""
    count = offset + int(np.prod(shape))
    np.arange(count, dtype=np.float32).tofile(path)
    whole = torch.from_file(str(path), shared=True, size=count, dtype=torch.float32)
    return whole[offset:].view(shape)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """The advice that is given; samples of more than 8 pages are read ahead."""
    found: list[Call] = []

    def note(x: Tensor, advice: Any, pages: tuple[int, int] | None = None) -> None:
        found.append((advice, pages))
        advise(x, advice, pages)

    monkeypatch.setattr(module, "advise", note)
    monkeypatch.setattr(module, "RANDOM_BYTES", 8 * PAGE)
    return found


def pages_of(x: Tensor, index: Tensor) -> set[int]:
    """Every byte's page, one by one."""
    start = x.data_ptr() // PAGE
    size = x[0].nbytes
    first = (x.data_ptr() + row * size for row in index.tolist())
    return {byte // PAGE - start for begin in first for byte in range(begin, begin + size)}


@pytest.mark.parametrize("offset", [0, PAGE // 4 + 3])
@pytest.mark.parametrize("width", [1, 7, 1000, 1024, 3000])
def test_pages_are_those_of_every_byte_of_the_rows(tmp_path: Path, width: int, offset: int) -> None:
    x = mapped(tmp_path / "x", (60, width), offset)
    rng = torch.Generator().manual_seed(width)
    for index in (torch.arange(60), torch.tensor([59]), torch.randperm(60, generator=rng)[:9]):
        runs = row_pages(x, index).tolist()
        assert {page for start, stop in runs for page in range(start, stop)} == pages_of(x, index)
        # in order, and never two that could be one
        ends = [edge for run in runs for edge in run]
        assert ends == sorted(set(ends))


def test_every_page_is_asked_for_once_before_it_is_needed(
    tmp_path: Path, calls: list[Call]
) -> None:
    x = mapped(tmp_path / "x", (1000, 100))
    shards = torch.randperm(10, generator=torch.Generator().manual_seed(0))
    order = (shards[:, None] * 100 + torch.arange(100)).flatten()
    batches = order.view(-1, 20).unbind()
    asked: list[int] = []
    for batch, expected in zip(read_ahead(x, batches), batches, strict=True):
        assert batch is expected
        asked = [page for _, run in calls if run for page in range(*run)]
        assert pages_of(x, batch) <= set(asked)
    assert set(asked) == pages_of(x, torch.arange(1000))
    # a page with samples of two shards may be asked for twice
    assert len(asked) <= len(set(asked)) + 2 * 10
    # only the first batches are asked for at once
    steps = [run for advice, run in calls if advice == "WILLNEED"]
    assert len(steps) > len(row_pages(x, order[: 4 * 20]))


def test_advice_ends_with_the_epoch(tmp_path: Path, calls: list[Call]) -> None:
    x = mapped(tmp_path / "x", (1000, 100))
    batches = torch.arange(1000).view(-1, 20).unbind()
    steps = read_ahead(x, batches)
    next(steps)
    # a step that fails
    steps.close()  # type: ignore[attr-defined]
    assert (calls[0], calls[-1]) == (("RANDOM", None), ("NORMAL", None))
    calls.clear()
    assert len(list(read_ahead(x[:50], batches[:2]))) == 2
    assert list(read_ahead(x, ())) == []
    assert calls == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_system_takes_the_advice(tmp_path: Path) -> None:
    x = mapped(tmp_path / "x", (1000, 100))
    before = x.clone()

    def is_random() -> bool:
        flags = ""
        for line in Path("/proc/self/smaps").read_text().splitlines():
            bounds = line.split(" ")[0].split("-")
            if len(bounds) == 2:
                start, stop = (int(bound, 16) for bound in bounds)
                is_map = start <= x.data_ptr() < stop
            elif line.startswith("VmFlags:") and is_map:
                flags = line
        assert flags
        return " rr" in flags

    assert not is_random()
    advise(x, "RANDOM")
    assert is_random()
    advise(x, "WILLNEED", (1, 3))
    advise(x, "NORMAL")
    assert not is_random()
    assert torch.equal(x, before)


def test_a_system_without_the_call_does_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(mmap, "MADV_RANDOM")
    monkeypatch.setattr(paging, "_madvise", lambda: pytest.fail("called"))
    advise(mapped(tmp_path / "x", (10, 1)), "RANDOM")
