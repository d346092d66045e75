"""Outputs of frozen blocks, which are kept for the blocks after them."""

import pytest
import torch
from torch import nn

from ibtrain.backend import memory
from ibtrain.errors import ConfigError
from ibtrain.train.cached import cached_outputs

PART = nn.Sequential(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4))).eval()
INPUTS = {"train": torch.randn(3000, 1, 8, 8), "test": torch.randn(5, 1, 8, 8)}


def test_they_are_the_outputs_of_every_split() -> None:
    outputs = cached_outputs(PART, INPUTS)
    assert list(outputs) == ["train", "test"]
    for split, x in INPUTS.items():
        torch.testing.assert_close(outputs[split], PART(x).detach())
        assert not outputs[split].requires_grad


@pytest.mark.parametrize("spare", [0, -1])
def test_outputs_larger_than_memory_are_refused(
    monkeypatch: pytest.MonkeyPatch, spare: int
) -> None:
    size = 3005 * 4 * 8 * 8 * 4
    monkeypatch.setattr(memory, "host_memory", lambda: 2 * (size + spare))
    if spare == 0:
        assert cached_outputs(PART, INPUTS)
        return
    with pytest.raises(ConfigError, match=f"order simultaneous.*outputs of 0 .* of {size} bytes"):
        cached_outputs(PART, INPUTS)
