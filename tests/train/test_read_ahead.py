"""The shards of large samples are asked for before they are needed."""

import mmap
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ibtrain.backend import paging
from ibtrain.backend.paging import read_soon
from ibtrain.backend.seeding import generator
from ibtrain.train import order, read_ahead
from ibtrain.train.order import EpochOrder, epoch_order
from ibtrain.train.read_ahead import batches_of

CPU = torch.device("cpu")
SIZE, AT_ONCE = 10, 8


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Indices of the samples that are asked for, one after another; 8 shards of 10 samples of 4 bytes are mixed."""
    monkeypatch.setattr(order, "RANDOM_BYTES", 4 * 999)
    monkeypatch.setattr(order, "SHARD_BYTES", 4 * SIZE)
    monkeypatch.setattr(order, "SHARDS_AT_ONCE", AT_ONCE)
    monkeypatch.setattr(read_ahead, "SHARDS_AT_ONCE", AT_ONCE)
    found: list[int] = []
    monkeypatch.setattr(read_ahead, "read_soon", lambda x: found.extend(x[:, 0].int().tolist()))
    return found


def samples(count: int) -> tuple[Tensor, EpochOrder]:
    """Samples that are their own indices, and an order of them."""
    x = torch.arange(count, dtype=torch.float32)[:, None]
    return x, epoch_order(count, 4, generator(CPU, count, "order"), CPU)


@pytest.mark.parametrize("count", [1000, 1003, 1009])
@pytest.mark.parametrize("batch_size", [7, 24, 100])
@pytest.mark.parametrize("done", [0, 1, 5])
def test_a_shard_is_asked_for_once_and_one_mixture_before_it_is_needed(
    count: int, batch_size: int, done: int, asked: list[int]
) -> None:
    x, given = samples(count)
    expected = given.samples[: count // batch_size * batch_size].view(-1, batch_size)[done:]
    batches = batches_of(x, given, batch_size, done)
    for place, (batch, own) in enumerate(zip(batches, expected, strict=True), done + 1):
        assert torch.equal(batch, own)
        assert set(batch.tolist()) <= set(asked)
        # not sooner, and so not more than two mixtures are in memory
        start = done * batch_size // (SIZE * AT_ONCE) * (SIZE * AT_ONCE)
        assert start + len(asked) <= place * batch_size + (AT_ONCE + 2) * SIZE
    assert len(set(asked)) == len(asked)
    if not done:
        assert len(asked) == count


def test_samples_in_any_order_or_on_a_device_are_not_asked_for(asked: list[int]) -> None:
    few, in_any_order = samples(99)
    x, given = samples(1000)
    for inputs, some in (
        (few, in_any_order),
        (x.to("meta"), given),
        (torch.stack([x, x], 1)[:, 0], given),
    ):
        assert len(list(batches_of(inputs, some, 9))) == len(inputs) // 9
    assert asked == []


@pytest.fixture
def mapped(tmp_path: Path) -> Tensor:
    """A file of 64 pages."""
    path = tmp_path / "x"
    np.arange(16 * mmap.PAGESIZE, dtype=np.float32).tofile(path)
    return torch.from_file(str(path), shared=True, size=16 * mmap.PAGESIZE)


@pytest.mark.parametrize(
    ("start", "stop", "pages"),
    [
        (0, 1, range(1)),
        (0, mmap.PAGESIZE // 4, range(1)),
        (mmap.PAGESIZE // 4 - 1, mmap.PAGESIZE // 4 + 1, range(2)),
        (mmap.PAGESIZE, 2 * mmap.PAGESIZE + 1, range(4, 9)),
    ],
)
def test_the_pages_of_the_tensor_are_asked_for(
    start: int, stop: int, pages: range, mapped: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[int, int, int]] = []
    monkeypatch.setattr(paging, "_madvise", lambda: lambda *call: calls.append(call))
    read_soon(mapped[start:stop])
    ((address, length, advice),) = calls
    assert address == mapped.data_ptr() + pages.start * mmap.PAGESIZE
    assert -(-length // mmap.PAGESIZE) == len(pages)
    assert advice == mmap.MADV_WILLNEED


def test_neighbours_are_read_again_after_the_epoch(
    mapped: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen blocks and evaluations read the samples from the first to the last."""
    calls: list[int] = []
    monkeypatch.setattr(paging, "_madvise", lambda: lambda *call: calls.append(call[2]))
    x = mapped.view(-1, 1)
    given = EpochOrder(torch.arange(len(x)), torch.arange(2), len(x) // 2)
    batches = batches_of(x, given, len(x) // 4)
    next(batches)
    assert calls == [mmap.MADV_RANDOM, mmap.MADV_WILLNEED, mmap.MADV_WILLNEED]
    # a step that fails
    batches.close()  # type: ignore[attr-defined]
    assert calls[3:] == [mmap.MADV_NORMAL]


@pytest.mark.skipif(sys.platform != "linux", reason="errors of Linux")
@pytest.mark.parametrize("advice", [mmap.MADV_WILLNEED, mmap.MADV_RANDOM, mmap.MADV_NORMAL])
def test_the_system_takes_the_advice(mapped: Tensor, advice: int) -> None:
    before = mapped.clone()
    start = mapped.data_ptr()
    assert paging._madvise()(start, mapped.nbytes, advice) == 0
    # it is the system that answers: an address within a page is an error
    assert paging._madvise()(start + 1, mapped.nbytes, advice) == -1
    assert torch.equal(mapped, before)
