"""Blocks that train one after another, at once, and jointly."""

import pytest
import torch
from torch import nn

from ibtrain.backend.seeding import seeded
from ibtrain.config import ObjectiveConfig, OptimConfig
from ibtrain.data.dataset import Dataset
from ibtrain.models.mlp import mlp
from ibtrain.train.callbacks import Event
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.objectives import BlockSpec, Chain, make_objective
from ibtrain.train.scores import class_scores

OPTIM = OptimConfig(learning_rate=1e-2, batch_size=32, epochs=12)
WIDTHS = (16, 8)


def network(data: Dataset) -> nn.Sequential:
    with seeded(0, "test"):
        return mlp(data.dim_x, WIDTHS, data.num_classes)


def chain(data: Dataset, *, is_joint: bool) -> Chain:
    """The default objective of every block of a network."""
    config, model = ObjectiveConfig(beta=(0.1,)), network(data)
    blocks = zip(model.named_children(), (*WIDTHS, data.num_classes), strict=True)
    return Chain(
        {
            name: make_objective(
                "ib", block, BlockSpec((dim,), data.log_prior, index, len(model)), config
            )
            for index, ((name, block), dim) in enumerate(blocks)
        },
        is_joint=is_joint,
    )


def test_simultaneous_gradients_are_those_of_each_block_alone(toy: Dataset) -> None:
    together = chain(toy, is_joint=False)
    x, y = toy.train.x[:50], toy.train.y[:50]
    noise = together.draw(50, torch.Generator().manual_seed(1), x.device)
    loss, metrics = together(x, y, *noise)
    loss.backward()
    found = [parameter.grad.clone() for parameter in together.parameters()]  # type: ignore[union-attr]
    alone = chain(toy, is_joint=False)
    total, left = torch.zeros(()), list(noise)
    for objective in alone.objectives:
        own, left = left[: len(objective.noise_shapes)], left[len(objective.noise_shapes) :]  # type: ignore[arg-type]
        value, _ = objective(x, y, *own)
        value.backward()
        total = total + value.detach()
        x = objective.block(x).detach()  # type: ignore[operator]
    for gradient, parameter in zip(found, alone.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)
    torch.testing.assert_close(loss.detach(), total)
    assert {"hidden1.mi_ty", "hidden2.mi_hy", "mi_hy", "mi_xt", "train_accuracy"} <= {*metrics}


@pytest.mark.parametrize("is_joint", [False, True])
def test_only_joint_gradients_cross_blocks(toy: Dataset, is_joint: bool) -> None:
    x, y = toy.train.x[:50], toy.train.y[:50]
    together = chain(toy, is_joint=is_joint)
    noise = together.draw(50, torch.Generator().manual_seed(1), x.device)
    loss, _ = together(x, y, *noise)
    first = together.objectives[0]
    weight = next(first.block.parameters())  # type: ignore[union-attr]
    (gradient,) = torch.autograd.grad(loss, weight)
    own_loss, _ = first(x, y, noise[0])
    (own,) = torch.autograd.grad(own_loss, weight)
    assert torch.allclose(gradient, own, atol=1e-6) != is_joint


@pytest.mark.parametrize("order", ["simultaneous", "joint"])
@pytest.mark.parametrize("readout", ["dv", "critic"])
def test_blocks_that_train_at_once_learn_an_easy_problem(
    toy: Dataset, order: str, readout: str
) -> None:
    events: list[Event] = []
    config = ObjectiveConfig(order=order, readout=readout)
    trainer = LayerwiseTrainer(network(toy), config, OPTIM, seed=3, callbacks=[events.append])
    result = trainer.fit(toy)
    predicted = class_scores(result.network, result.readout, toy.test.x).argmax(1)
    accuracy = (predicted == toy.test.y).float().mean().item()
    assert result.accuracies["test"] == pytest.approx(accuracy)
    assert accuracy > 0.9
    names = ["hidden1", "hidden2"] + (["output"] if readout == "dv" else [])
    assert [name for name, _ in result.network.named_children()] == names
    assert [event.kind for event in events] == ["start"] + ["epoch"] * OPTIM.epochs + ["end"]
    assert {event.stage for event in events} == {"network"}
    assert [*events[0].model.activations("test", torch.arange(5))] == names
    assert not any(parameter.requires_grad for parameter in result.network.parameters())
