"""Outputs of frozen blocks, which are kept for the blocks after them."""

import errno
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from ibtrain import LayerwiseTrainer, OptimConfig, mlp
from ibtrain.backend import memory
from ibtrain.errors import ConfigError
from ibtrain.train import cached
from ibtrain.train.cached import cached_outputs

PART = nn.Sequential(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4))).eval()
INPUTS = {"train": torch.randn(3000, 1, 8, 8), "test": torch.randn(5, 1, 8, 8)}


def test_they_are_the_outputs_of_every_split() -> None:
    outputs = cached_outputs(PART, INPUTS)
    assert list(outputs) == ["train", "test"]
    for split, x in INPUTS.items():
        torch.testing.assert_close(outputs[split], PART(x).detach())
        assert not outputs[split].requires_grad


SIZE = 3005 * 4 * 8 * 8 * 4
"""Bytes of all outputs."""


@pytest.mark.parametrize("spare", [0, -1])
def test_outputs_larger_than_memory_are_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spare: int
) -> None:
    expected = cached_outputs(PART, INPUTS)
    monkeypatch.setattr(memory, "host_memory", lambda: 2 * (SIZE + spare))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    outputs = cached_outputs(PART, INPUTS)
    torch.testing.assert_close(outputs, expected, rtol=0, atol=0)
    maps = Path("/proc/self/maps").read_text()
    assert maps.count(str(tmp_path)) == (0 if spare == 0 else len(INPUTS))
    # files without a name are gone after a crash too
    assert not list(tmp_path.iterdir())
    del outputs
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()


def test_outputs_larger_than_memory_and_disk_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "host_memory", lambda: 2 * SIZE - 2)
    monkeypatch.setattr(cached, "free_disk", lambda: SIZE - 1)
    message = f"order simultaneous.*outputs of 0 .* of {SIZE} bytes, .* the {SIZE - 1} bytes free"
    with pytest.raises(ConfigError, match=message):
        cached_outputs(PART, INPUTS)


def test_a_disk_that_fills_meanwhile_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(memory, "host_memory", lambda: 2 * SIZE - 2)
    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(ConfigError, match=f"{SIZE} bytes, .* free on the disk of TMPDIR"):
        cached_outputs(PART, INPUTS)


def test_training_reads_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = torch.randn(400, 6), torch.arange(400) % 3
    optim = OptimConfig(epochs=2)

    def trained() -> NDArray[np.float64]:
        torch.manual_seed(0)
        trainer = LayerwiseTrainer(mlp(6, [5, 5], 3), optim=optim, progress=False)
        return trainer.fit(x, y).predict_proba(x)

    expected = trained()
    sizes: list[int] = []
    # it returns None: nothing fits
    monkeypatch.setattr(cached, "fits_memory", sizes.append)
    np.testing.assert_array_equal(trained(), expected)
    assert len(sizes) == 2
