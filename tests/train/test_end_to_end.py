"""The backprop baseline, and what it shares with layer-wise training."""

import pytest
import torch
from torch import nn

from ibtrain.backend.seeding import seeded
from ibtrain.config import ObjectiveConfig, OptimConfig
from ibtrain.config.recipes import with_recipe
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ModelError, NonFiniteError
from ibtrain.models.mlp import mlp
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.lockstep import Lockstep
from ibtrain.train.loop import EpochLoop
from ibtrain.train.objectives import BlockSpec, make_objective

OPTIM = OptimConfig(learning_rate=1e-2, batch_size=32, epochs=12)


def network(data: Dataset) -> nn.Sequential:
    with seeded(0, "test"):
        return mlp(data.dim_x, (16, 8), data.num_classes)


def loop(model: nn.Module, data: Dataset, config: OptimConfig) -> EpochLoop:
    spec = BlockSpec((data.num_classes,), data.log_prior, 0, 1)
    objective = make_objective("cross-entropy", model, spec, ObjectiveConfig())
    optim = with_recipe(config, "end_to_end", data.name)
    return EpochLoop(objective, data.train.x, data.train.y, optim, 0, torch.Generator())


def test_it_learns_an_easy_problem_the_same_way_twice(toy: Dataset) -> None:
    first, second = (EndToEndTrainer(network(toy), OPTIM).fit(toy) for _ in range(2))
    assert first.accuracies["test"] > 0.9
    assert first.history == second.history


def test_one_step_is_adam_on_the_mean_cross_entropy(toy: Dataset) -> None:
    model, plain = nn.Linear(toy.dim_x, 3), nn.Linear(toy.dim_x, 3)
    plain.load_state_dict(model.state_dict())
    count = len(toy.train)
    config = OptimConfig(learning_rate=0.01, schedule="constant", batch_size=count, epochs=1)
    Lockstep([loop(model, toy, config)]).run_epoch()
    optimizer = torch.optim.Adam(plain.parameters(), lr=0.01)
    log_p = plain(toy.train.x).log_softmax(1)
    (-log_p[torch.arange(count), toy.train.y].mean()).backward()
    optimizer.step()
    torch.testing.assert_close(model.weight, plain.weight)


def test_both_methods_see_the_samples_in_the_same_order(toy: Dataset) -> None:
    orders: list[list[torch.Tensor]] = []
    for trainer in (EndToEndTrainer, LayerwiseTrainer):
        model = network(toy)
        seen: list[torch.Tensor] = []

        def keep(module: nn.Module, inputs: tuple[torch.Tensor], output: object, seen=seen) -> None:
            if module.training:
                seen.append(inputs[0])

        model[0].register_forward_hook(keep)
        trainer(model, optim=OPTIM, seed=5).fit(toy)
        orders.append(seen)
    first, second = orders
    assert len(first) > 10
    for a, b in zip(first, second, strict=False):
        assert torch.equal(a, b)


def test_the_cosine_schedule_ends_near_zero(toy: Dataset) -> None:
    config = OptimConfig(learning_rate=0.1, batch_size=100, epochs=3)
    training = loop(network(toy), toy, config)
    rates = [training.learning_rate(step) for step in range(12)]
    assert rates[0] == 0.1
    assert rates[6] == pytest.approx(0.05)
    assert rates == sorted(rates, reverse=True)
    assert training.learning_rate(12) == pytest.approx(0, abs=1e-12)


def test_divergence_says_where(toy: Dataset) -> None:
    model = network(toy)
    with torch.no_grad():
        model[0][1].weight[0, 0] = torch.inf
    with pytest.raises(
        NonFiniteError, match="network: cross_entropy became nan in epoch 1, step 1, seed 0"
    ):
        EndToEndTrainer(model, OPTIM).fit(toy)


def test_a_model_for_other_data_is_refused(toy: Dataset) -> None:
    with pytest.raises(ModelError, match="block hidden1: got input of shape"):
        EndToEndTrainer(mlp(99, (8,), 3)).fit(toy)
    with pytest.raises(ModelError, match="a score for each of 3 classes"):
        EndToEndTrainer(mlp(toy.dim_x, (8,), 5)).fit(toy)
