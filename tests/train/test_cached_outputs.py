"""Outputs of frozen blocks, which are kept for the blocks after them."""

import copy
import errno
import os
import socket
import tempfile
from functools import partial
from pathlib import Path

import pytest
import torch
from spawning import mapped_files, spawned
from torch import Tensor, nn

from ibtrain.backend import mapped, memory
from ibtrain.backend.process_group import data_parallel, rank
from ibtrain.errors import OutOfMemoryError
from ibtrain.train.cached import cached_outputs

torch.manual_seed(0)
PART = nn.Sequential(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4))).eval()
DRAWS = torch.Generator().manual_seed(0)
INPUTS = {
    "train": torch.randn(3000, 1, 8, 8, generator=DRAWS),
    "test": torch.randn(5, 1, 8, 8, generator=DRAWS),
}


def test_they_are_the_outputs_of_every_split() -> None:
    outputs = cached_outputs(PART, INPUTS)
    assert list(outputs) == ["train", "test"]
    for split, x in INPUTS.items():
        torch.testing.assert_close(outputs[split], PART(x).detach())
        assert not outputs[split].requires_grad


SIZE = 3000 * 4 * 8 * 8 * 4
"""Bytes of the outputs for training."""


@pytest.mark.parametrize("spare", [0, -1])
def test_outputs_larger_than_memory_are_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spare: int
) -> None:
    expected = cached_outputs(PART, INPUTS)
    monkeypatch.setattr(memory, "host_memory", lambda: 8 * (SIZE + spare))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    outputs = cached_outputs(PART, INPUTS)
    torch.testing.assert_close(outputs, expected, rtol=0, atol=0)
    maps = Path("/proc/self/maps").read_text()
    assert maps.count(str(tmp_path)) == (0 if spare == 0 else 1)
    # files without a name are gone after a crash too
    assert not list(tmp_path.iterdir())
    del outputs
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()


def test_processes_of_one_machine_share_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "host_memory", lambda: 2 * SIZE)
    monkeypatch.setattr(mapped, "free_disk", lambda: 0)
    cached_outputs(PART, INPUTS)
    monkeypatch.setattr(mapped, "local_processes", lambda: 2)
    with pytest.raises(OutOfMemoryError, match=f"{SIZE} bytes are more than 0.25 of the memory"):
        cached_outputs(PART, INPUTS)


def common_outputs(scratch: Path) -> tuple[dict[str, Tensor], set[str], int]:
    """Outputs of blocks, the files that they are in, and the number of rows that this process mapped; of three processes one is on another machine."""
    tempfile.tempdir = str(scratch)
    machine = rank() // 2
    socket.gethostname = lambda: f"machine{machine}"
    # what a launcher says is of its processes
    os.environ |= {"LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "5"}
    rows: list[int] = []
    part = copy.deepcopy(PART)
    part.register_forward_hook(lambda _, args, __: rows.append(len(args[0])))
    # a buffer that has followed the rows of each process
    part[0][1].running_mean += rank()
    with data_parallel():
        outputs = cached_outputs(part, INPUTS)
    return outputs, mapped_files(scratch), sum(rows)


def test_processes_of_one_machine_have_them_in_common(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    first, second, other = spawned(partial(common_outputs, scratch), 3, tmp_path)
    torch.testing.assert_close(first[0], cached_outputs(PART, INPUTS))
    for outputs, _, _ in (second, other):
        torch.testing.assert_close(outputs, first[0], rtol=0, atol=0)
    # a file for each split, but for a process that has a machine of its own
    assert first[1] == second[1]
    assert (len(first[1]), len(other[1])) == (2, 0)
    # a row of each split for its shape, and one of the two chunks for training or both
    assert (first[2], second[2], other[2]) == (2048 + 5 + 2, 952 + 2, 3005 + 2)
    assert not list(scratch.iterdir())


def test_outputs_larger_than_memory_and_disk_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "host_memory", lambda: 2 * SIZE - 2)
    monkeypatch.setattr(mapped, "free_disk", lambda: SIZE - 1)
    message = f"outputs of 0 .*: {SIZE} bytes .* {SIZE - 1} bytes are free.*order simultaneous"
    with pytest.raises(OutOfMemoryError, match=message):
        cached_outputs(PART, INPUTS)


def test_a_disk_that_fills_meanwhile_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(memory, "host_memory", lambda: 2 * SIZE - 2)
    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(OutOfMemoryError, match=r"\(.*No space left on device\).* set TMPDIR to"):
        cached_outputs(PART, INPUTS)


def test_a_disk_without_space_leaves_half_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = cached_outputs(PART, INPUTS)
    monkeypatch.setattr(memory, "host_memory", lambda: 2 * SIZE)
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    torch.testing.assert_close(cached_outputs(PART, INPUTS), expected, rtol=0, atol=0)
