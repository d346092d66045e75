"""Optimisers against their formulas, and weights as one vector."""

import copy
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from ibtrain.backend.optim import adam, flatten, load_moments, make_optimizer

CPU = torch.device("cpu")
RATE, DECAY, MOMENTUM = 0.05, 0.1, 0.9


def reference(name: str, weights: Tensor, gradients: Sequence[Tensor]) -> Tensor:
    """Weights after a step for each gradient, by the formulas of the papers."""
    first, second = torch.zeros_like(weights), torch.zeros_like(weights)
    for step, plain in enumerate(gradients, 1):
        gradient = plain if name == "adamw" else plain + DECAY * weights
        if name == "sgd":
            first = MOMENTUM * first + gradient
            weights = weights - RATE * first
            continue
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        change = (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
        decay = RATE * DECAY * weights if name == "adamw" else 0
        weights = weights - decay - RATE * change
    return weights


def optimizer_of(name: str, weights: nn.Parameter, decay: float = DECAY) -> torch.optim.Optimizer:
    groups = [{"params": [weights], "weight_decay": decay}]
    return make_optimizer(name, groups, RATE, CPU, MOMENTUM if name == "sgd" else 0.0)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_steps_follow_the_formula(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    start, *gradients = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    weights = nn.Parameter(start.clone())
    optimizer = optimizer_of(name, weights)
    for gradient in gradients:
        weights.grad = gradient.clone()
        optimizer.step()
    torch.testing.assert_close(weights.detach(), reference(name, start, gradients))


def test_without_decay_adam_is_adamw() -> None:
    found = []
    for name in ("adam", "adamw"):
        weights = nn.Parameter(torch.ones(3))
        optimizer = optimizer_of(name, weights, decay=0.0)
        for step in range(3):
            weights.grad = torch.full((3,), 1.0 + step)
            optimizer.step()
        found.append(weights.detach())
    assert torch.equal(*found)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_a_skipped_step_changes_nothing_not_even_the_first(name: str) -> None:
    start, gradient = torch.ones(1000), torch.full((1000,), 0.5)
    weights = nn.Parameter(start.clone())
    optimizer = optimizer_of(name, weights)
    optimizer.found_inf = torch.ones(())  # type: ignore[attr-defined]
    weights.grad = torch.full((1000,), torch.nan)
    optimizer.step()
    assert torch.equal(weights.detach(), start)
    optimizer.found_inf = torch.zeros(())  # type: ignore[attr-defined]
    weights.grad = gradient
    optimizer.step()
    torch.testing.assert_close(weights.detach(), reference(name, start, [gradient]))


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_moments_of_other_parameters_are_refused(name: str) -> None:
    weights, wider = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(4))
    for parameter in (weights, wider):
        parameter.grad = torch.ones_like(parameter)
    optimizer, other = optimizer_of(name, weights), optimizer_of(name, wider)
    optimizer.step()
    other.step()
    moments = other.state_dict()["state"]
    load_moments(other, moments)
    with pytest.raises(ValueError, match="moments of other parameters"):
        load_moments(optimizer, moments)
    for part in moments[0]:
        with pytest.raises(KeyError, match=part):
            load_moments(other, {0: {key: moments[0][key] for key in moments[0] if key != part}})


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
