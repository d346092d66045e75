"""Tests of the gradient ascent that all critics use."""

import math
from itertools import repeat

import pytest
import torch
from torch import Tensor, nn

from ibtrain.backend.optim import flatten
from ibtrain.mi.neural.ascent import Ascent, ascend


@pytest.fixture
def critic() -> nn.Linear:
    return nn.Linear(4, 1, bias=False)


@pytest.mark.parametrize(("slope", "norm"), [(0.5, 1.0), (10.0, 5.0)])
def test_long_gradients_are_clipped(critic: nn.Linear, slope: float, norm: float) -> None:
    weights = flatten(critic.parameters())
    ascent = Ascent(steps=3, learning_rate=5e-3, clip_norm=5.0)
    next(ascend(lambda: slope * critic.weight.sum(), weights, repeat(()), ascent))
    assert weights.grad is not None
    assert weights.grad.norm().item() == pytest.approx(norm, rel=1e-5)
    assert (weights.grad > 0).all()


def test_a_step_raises_the_bounds_of_all_critics(critic: nn.Linear) -> None:
    weights = flatten(critic.parameters())
    before = weights.detach().clone()
    bounds = ascend(lambda: 1.0 * critic.weight[0], weights, repeat(()), Ascent(5, 1e-2))
    values = list(bounds)
    assert len(values) == 5
    torch.testing.assert_close(values[0], before)
    assert (weights > before).all()
    # the bound of a batch is computed with the weights before the step
    assert (values[-1] < weights).all()


def test_it_takes_a_batch_for_each_step(critic: nn.Linear) -> None:
    weights = flatten(critic.parameters())
    batches = iter([(torch.tensor(float(i)),) for i in range(7)])

    def bound(factor: Tensor) -> Tensor:
        return factor * critic.weight.sum()

    assert len(list(ascend(bound, weights, batches, Ascent(4, 1e-3)))) == 4
    assert next(batches)[0] == 4


def test_the_rate_rises_linearly_and_falls_as_a_cosine() -> None:
    ascent = Ascent(steps=100, learning_rate=0.2, warm_up=10)
    assert ascent.rate(0) == pytest.approx(0.02)
    assert ascent.rate(4) == pytest.approx(0.1 * (1 + math.cos(0.04 * math.pi)) / 2)
    assert ascent.rate(50) == pytest.approx(0.1)
    assert ascent.rate(99) == pytest.approx(0.1 * (1 + math.cos(0.99 * math.pi)))
    assert Ascent(steps=100, learning_rate=0.2).rate(0) == 0.2
