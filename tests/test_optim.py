"""Weights as one vector."""

import copy

import torch
from torch import nn

from ibtrain.backend.optim import adam, flatten

CPU = torch.device("cpu")


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3)).double()


def test_flat_weights_train_as_those_of_each_layer_do() -> None:
    apart, flat = network(), network()
    weights = flatten(flat.parameters())
    ours, theirs = adam([weights], 1e-2, CPU), adam(apart.parameters(), 1e-2, CPU)
    x = torch.randn(30, 16, 5, dtype=torch.float64)
    for batch in x:
        ours.zero_grad(set_to_none=False)
        theirs.zero_grad()
        for module in (apart, flat):
            module(batch).square().mean().backward()
        ours.step()
        theirs.step()
    for expected, found in zip(apart.parameters(), flat.parameters(), strict=True):
        # rounding of 30 steps, in float64
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)


def test_the_vector_is_the_weights() -> None:
    module = network()
    before = copy.deepcopy(module.state_dict())
    weights = flatten(module.parameters())
    torch.testing.assert_close(module.state_dict(), before, rtol=0, atol=0)
    with torch.no_grad():
        weights.zero_()
    assert not any(parameter.any() for parameter in module.parameters())
    module.load_state_dict(before)
    assert torch.equal(nn.utils.parameters_to_vector(module.parameters()), weights)


def test_frozen_weights_have_no_gradient() -> None:
    module = network().requires_grad_(False)
    flatten(module.parameters())
    assert all(p.grad is None and not p.requires_grad for p in module.parameters())
