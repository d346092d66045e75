"""What a loop holds and optimises, how much it reads at a step, and that all goes with it."""

import gc
import weakref

import pytest
import torch

from ibtrain.config import CompleteOptimConfig, ObjectiveConfig
from ibtrain.models.mlp import mlp
from ibtrain.train import order, read_ahead
from ibtrain.train.lockstep import Lockstep
from ibtrain.train.loop import EpochLoop
from ibtrain.train.objectives import BlockSpec, Chain, Objective, make_objective

INPUTS, LABELS = torch.randn(64, 5), torch.arange(64) % 3


def loop_of(objective: Objective, **settings: object) -> EpochLoop:
    defaults = {"learning_rate": 2e-3, "schedule": "cosine", "batch_size": 8, "epochs": 1}
    optim = CompleteOptimConfig(**{**defaults, **settings})  # type: ignore[arg-type]
    return EpochLoop(objective, INPUTS, LABELS, optim, 0, torch.Generator())


@pytest.mark.parametrize("is_recorded", [False, True])
def test_a_loop_is_gone_as_soon_as_nobody_has_it(
    is_recorded: bool, request: pytest.FixtureRequest
) -> None:
    if is_recorded:
        request.getfixturevalue("tape")
    spec = BlockSpec((3,), torch.zeros(3), 0, 1)
    objective = make_objective("cross-entropy", mlp(5, (4,), 3), spec, ObjectiveConfig())
    loop = loop_of(objective)
    del objective
    lockstep = Lockstep([loop])
    lockstep.run_epoch()
    seen = weakref.ref(loop)
    gc.disable()
    try:
        del loop, lockstep
        assert seen() is None
    finally:
        gc.enable()


def hidden_objective(index: int) -> Objective:
    """The objective of a hidden block, with critics of the label and of the input."""
    spec = BlockSpec((4,), torch.zeros(3), index, 3)
    block = torch.nn.Linear(5 - index, 4)
    return make_objective("ib", block, spec, ObjectiveConfig(beta=(0.1,)))


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_weight_decay_leaves_critics_alone(optimizer: str) -> None:
    objectives = {"first": hidden_objective(0), "second": hidden_objective(1)}
    chain = Chain(objectives, is_joint=False)  # type: ignore[arg-type]
    for objective in (objectives["first"], chain):
        loop = loop_of(objective, optimizer=optimizer, weight_decay=0.1)
        decays = {
            id(parameter): group["weight_decay"]
            for group in loop.optimizer.param_groups
            for parameter in group["params"]
        }
        assert len(decays) == len(list(objective.parameters()))
        for name, parameter in objective.named_parameters():
            is_network = "block." in name
            assert decays[id(parameter)] == (0.1 if is_network else 0.0)
        assert set(decays.values()) == {0.1, 0.0}


def test_without_weight_decay_there_is_one_group_in_the_order_of_the_modules() -> None:
    """Checkpoints number the parameters in this order."""
    objective = hidden_objective(0)
    (group,) = loop_of(objective).optimizer.param_groups
    assert [id(p) for p in group["params"]] == [id(p) for p in objective.parameters()]


@pytest.mark.parametrize(("batch_size", "sizes"), [(24, [24, 24]), (100, [64]), (0, [64])])
def test_a_batch_has_at_most_all_samples(batch_size: int, sizes: list[int]) -> None:
    loop = loop_of(hidden_objective(0), batch_size=batch_size)
    batches = list(loop.batches())
    assert [len(batch) for batch in batches] == sizes
    assert len(set(torch.cat(batches).tolist())) == sum(sizes)


def test_the_next_samples_are_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the batches that are left of the epoch, and in the order of training."""
    monkeypatch.setattr(order, "RANDOM_BYTES", 0)
    asked: list[torch.Tensor] = []
    monkeypatch.setattr(read_ahead, "read_soon", asked.append)
    loop = loop_of(hidden_objective(0))
    next(loop.batches())
    # all samples are one shard
    assert [torch.equal(x, INPUTS) for x in asked] == [True]
