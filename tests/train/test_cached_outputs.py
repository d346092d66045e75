"""Outputs of frozen blocks, which are kept for the blocks after them."""

import errno
import tempfile
from pathlib import Path

import pytest
import torch
from torch import nn

from ibtrain.backend import mapped, memory
from ibtrain.errors import OutOfMemoryError
from ibtrain.train.cached import cached_outputs

PART = nn.Sequential(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4))).eval()
INPUTS = {"train": torch.randn(3000, 1, 8, 8), "test": torch.randn(5, 1, 8, 8)}


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
