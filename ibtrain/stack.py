"""Networks of one shape that train as one."""

import copy
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ibtrain.optim import flatten

__all__ = ["Stack", "side_by_side"]

NETWORKS_AT_ONCE = 16
"""Small networks that a CPU runs at once: with 64-64 hidden units half as fast again as one by one."""
SMALL = 1 << 13
"""Weights of such a network, at most."""

Group = Sequence[nn.Module]
"""Members that run at once."""


class Stack(nn.Module):
    """K networks of one shape whose calls are one.

    Small networks spend their time between operations, not in them; a stack has the steps of one
    network, and on an accelerator its operations, each K times as large. Adam treats every number by
    itself, so that a stack's members train as they would alone. Networks that keep something from
    call to call (a running mean), or draw at random (dropout), are called one by one everywhere.

    Args:
        members: Networks of the same class and shape.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        weights = sum(parameter.numel() for parameter in members[0].parameters())
        # the work of larger ones on a CPU is in their products, which are no faster in a batch
        self._group = (
            NETWORKS_AT_ONCE if weights <= SMALL and len(members) >= NETWORKS_AT_ONCE else 1
        )
        draws = any(isinstance(module, nn.modules.dropout._DropoutNd) for module in self.modules())
        self._one_by_one = draws or any(True for _ in members[0].buffers())
        self._joined: list[dict[str, Tensor]] = []

    @cached_property
    def _template(self) -> nn.Module:
        # kept past nn.Module's own attributes, so that its parameters are not taken for the stack's
        return copy.deepcopy(self.members[0]).to("meta")

    def __len__(self) -> int:
        return len(self.members)

    @contextmanager
    def joined(self) -> Iterator[nn.Parameter]:
        """All weights as one vector, in an order in which calls find those of a group side by side.

        Until the context ends, calls read views of it, and add to its gradient in as many operations
        as one member has weights. See :func:`~ibtrain.optim.flatten`.
        """
        groups = self._groups(next(self.parameters()).device)
        named = [_by_name(group) for group in groups]
        alike = [own for group in named for own in group.values()]
        vector = flatten(parameter for own in alike for parameter in own)
        leaves = _leaves(vector, [(len(own), *own[0].shape) for own in alike])
        self._joined = [{name: next(leaves) for name in group} for group in named]
        try:
            yield vector
        finally:
            self._joined = []

    def forward(self, *inputs: Tensor) -> Any:
        """What every member makes of its own share.

        Args:
            *inputs: Each ``(K, ...)``.

        Returns:
            What a member returns, a tensor or several, each ``(K, ...)``.
        """
        groups = self._groups(inputs[0].device)
        if len(groups) == 1:
            return self._call(0, groups[0], *inputs)
        shares = zip(*(part.split(len(groups[0])) for part in inputs), strict=True)
        outputs = [
            self._call(index, group, *own)
            for index, (group, own) in enumerate(zip(groups, shares, strict=True))
        ]
        if isinstance(outputs[0], Tensor):
            return torch.cat(outputs)
        return tuple(torch.cat(part) for part in zip(*outputs, strict=True))

    def _groups(self, device: torch.device) -> list[Group]:
        at_once = len(self) if device.type != "cpu" else self._group
        at_once = 1 if self._one_by_one else at_once
        members = list(self.members)
        return [members[start : start + at_once] for start in range(0, len(self), at_once)]

    def _call(self, index: int, group: Group, *inputs: Tensor) -> Any:
        """A group's outputs, batched if it has several members."""
        if len(group) == 1:
            outputs = group[0](*(part.squeeze(0) for part in inputs))
            if isinstance(outputs, Tensor):
                return outputs.unsqueeze(0)
            return tuple(part.unsqueeze(0) for part in outputs)
        template = self._template
        if self._joined:
            parameters = self._joined[index]
        else:
            parameters = {name: torch.stack(own) for name, own in _by_name(group).items()}

        def call(own: dict[str, Tensor], *of_one: Tensor) -> Any:
            return functional_call(template, own, of_one)

        return vmap(call)(parameters, *inputs)


def _by_name(group: Group) -> dict[str, tuple[nn.Parameter, ...]]:
    """Each weight of all members, by its name in one."""
    named = [dict(member.named_parameters()) for member in group]
    return {name: tuple(own[name] for own in named) for name in named[0]}


def _leaves(vector: nn.Parameter, shapes: Sequence[tuple[int, ...]]) -> Iterator[Tensor]:
    """Consecutive parts of a vector, whose gradients are parts of its own."""
    assert vector.grad is not None
    sizes = [math.prod(shape) for shape in shapes]
    parts = vector.detach().split(sizes), vector.grad.split(sizes)
    for shape, values, gradient in zip(shapes, *parts, strict=True):
        leaf = values.view(shape).requires_grad_()
        leaf.grad = gradient.view(shape)
        yield leaf


def side_by_side(parts: Sequence[Tensor]) -> Tensor:
    """Each member's tensor along a first dimension; a single one is not copied."""
    return parts[0].unsqueeze(0) if len(parts) == 1 else torch.stack(list(parts))
