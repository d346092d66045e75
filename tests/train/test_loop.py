"""What a loop holds, which may be gigabytes of a block's inputs, goes with it."""

import gc
import weakref

import pytest
import torch

from ibtrain.config import ObjectiveConfig, OptimConfig
from ibtrain.models.mlp import mlp
from ibtrain.train.lockstep import Lockstep
from ibtrain.train.loop import EpochLoop
from ibtrain.train.objectives import BlockSpec, make_objective


@pytest.mark.parametrize("is_recorded", [False, True])
def test_a_loop_is_gone_as_soon_as_nobody_has_it(
    is_recorded: bool, request: pytest.FixtureRequest
) -> None:
    if is_recorded:
        request.getfixturevalue("tape")
    spec = BlockSpec((3,), torch.zeros(3), 0, 1)
    objective = make_objective("cross-entropy", mlp(5, (4,), 3), spec, ObjectiveConfig())
    inputs, labels = torch.randn(64, 5), torch.arange(64) % 3
    optim = OptimConfig(batch_size=8, epochs=1)
    loop = EpochLoop(objective, inputs, labels, optim, 0, torch.Generator())
    lockstep = Lockstep([loop])
    lockstep.run_epoch()
    seen = weakref.ref(loop)
    gc.disable()
    try:
        del loop, lockstep
        assert seen() is None
    finally:
        gc.enable()
