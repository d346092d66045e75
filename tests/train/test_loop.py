"""What a loop holds, which may be gigabytes of a block's inputs, goes with it."""

import gc
import weakref

import pytest
import torch

from ibtrain.config import OptimConfig
from ibtrain.models.mlp import mlp
from ibtrain.stack import Stack
from ibtrain.train.loop import EpochLoop, cross_entropy_loss


@pytest.mark.parametrize("is_recorded", [False, True])
def test_a_loop_is_gone_as_soon_as_nobody_has_it(
    is_recorded: bool, request: pytest.FixtureRequest
) -> None:
    if is_recorded:
        request.getfixturevalue("tape")
    stack = Stack([mlp(5, (4,), 3)])
    inputs, labels = [torch.randn(64, 5)], torch.arange(64) % 3
    optim = OptimConfig(batch_size=8, epochs=1)
    loop = EpochLoop(stack, cross_entropy_loss(stack), inputs, labels, optim, [0])
    loop.run_epoch()
    seen = weakref.ref(loop)
    gc.disable()
    try:
        del loop
        assert seen() is None
    finally:
        gc.enable()
