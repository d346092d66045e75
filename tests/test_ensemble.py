"""Stacked networks against the same networks one after another."""

import pytest
import torch
from torch import nn

from ibtrain.backend.ensemble import Ensemble
from ibtrain.backend.optim import adam
from ibtrain.mi.neural.critics import ClassCritic, DistanceCritic, PairCritic

COUNT, BATCH, DIM = 3, 16, 4
CPU = torch.device("cpu")


def members(kind: str) -> list[nn.Module]:
    torch.manual_seed(0)
    if kind == "class":
        return [ClassCritic(DIM, 5, (8, 8)).double() for _ in range(COUNT)]
    if kind == "distance":
        return [DistanceCritic(DIM, (8,)).double() for _ in range(COUNT)]
    return [PairCritic(DIM, DIM, (8, 8)).double() for _ in range(COUNT)]


def batch(kind: str, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
    h, t = torch.randn(2, COUNT, BATCH, DIM, generator=generator, dtype=torch.float64)
    return (h,) if kind == "class" else (h, t)


def loss(outputs: torch.Tensor | tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Of any number of members: the sum of each one's own."""
    if isinstance(outputs, tuple):
        joint, marginal = outputs
        per_member = marginal.flatten(joint.dim() - 1)
        return (per_member.logsumexp(dim=-1) - joint.mean(dim=-1)).sum()
    return outputs.square().mean(dim=(-2, -1)).sum()


@pytest.mark.parametrize("kind", ["class", "distance", "pair"])
def test_a_stack_gives_what_its_members_give(kind: str) -> None:
    alone = members(kind)
    inputs = batch(kind, torch.Generator().manual_seed(1))
    together = Ensemble(alone)(*inputs)
    for index, member in enumerate(alone):
        expected = member(*(part[index] for part in inputs))
        found = tuple(part[index] for part in together) if kind != "class" else together[index]
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("kind", ["class", "distance", "pair"])
def test_members_train_as_they_would_alone(kind: str) -> None:
    alone = members(kind)
    stack = Ensemble(members(kind))
    optimizer = adam(stack.parameters(), 1e-2, CPU)
    others = [adam(member.parameters(), 1e-2, CPU) for member in alone]
    generator = torch.Generator().manual_seed(1)
    for _ in range(30):
        inputs = batch(kind, generator)
        optimizer.zero_grad()
        loss(stack(*inputs)).backward()
        optimizer.step()
        for index, (member, own) in enumerate(zip(alone, others, strict=True)):
            own.zero_grad()
            loss(member(*(part[index] for part in inputs))).backward()
            own.step()
    for index, member in enumerate(alone):
        trained = stack.members[index].state_dict()
        for name, expected in member.state_dict().items():
            # 30 steps of rounding, in float64
            torch.testing.assert_close(trained[name], expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("kind", ["class", "distance", "pair"])
def test_batched_calls_are_every_members_call(kind: str) -> None:
    """And so are their gradients, however many are in a batch."""
    inputs = batch(kind, torch.Generator().manual_seed(1))
    found = []
    for group in (1, 2, COUNT):
        stack = Ensemble(members(kind))
        stack._group = group
        outputs = stack(*inputs)
        loss(outputs).backward()
        found.append((outputs, [parameter.grad for parameter in stack.parameters()]))
        stack = Ensemble(members(kind))
        stack._group = group
        with stack.flat_parameters():
            outputs = stack(*inputs)
            loss(outputs).backward()
        found.append((outputs, [parameter.grad for parameter in stack.parameters()]))
    for other in found[1:]:
        torch.testing.assert_close(other, found[0])


def test_a_cpu_batches_many_small_ones_and_runs_others_one_by_one() -> None:
    small = [ClassCritic(4, 2, (8,)) for _ in range(16)]
    assert Ensemble(small)._group == 16
    assert Ensemble(small[:2])._group == 1
    assert Ensemble([ClassCritic(200, 10, (64,)) for _ in range(16)])._group == 1


def test_no_gradient_crosses_members() -> None:
    stack = Ensemble(members("class"))
    stack(*batch("class", torch.Generator().manual_seed(1)))[0].sum().backward()
    for index, member in enumerate(stack.members):
        for parameter in member.parameters():
            assert parameter.grad is not None
            assert (parameter.grad.abs().sum() > 0) == (index == 0)
