"""Networks of one shape that train as one."""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ibtrain.backend.optim import flatten

__all__ = ["Ensemble", "stack_batches"]

NETWORKS_AT_ONCE = 16
"""Small networks that a CPU runs at once: with 64-64 hidden units half as fast again as one by one."""
SMALL = 1 << 13
"""Weights of such a network, at most."""

T = TypeVar("T")
Group = Sequence[nn.Module]
"""Members that run at once."""


class Ensemble(nn.Module):
    """K networks of one shape whose calls are one.

    Small networks spend their time between operations, not in them; an ensemble has the steps of one
    network, and on an accelerator its operations, each K times as large. Adam treats every number by
    itself, so that an ensemble's members train as they would alone. Buffers, such as running means, that a
    network changes in place are its own. Networks that draw at random (dropout) are called one by one everywhere.

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
        self._one_by_one = any(
            isinstance(module, nn.modules.dropout._DropoutNd) for module in self.modules()
        )
        self._flat: list[dict[str, Tensor]] = []

    @cached_property
    def _template(self) -> nn.Module:
        # kept past nn.Module's own attributes, so that its parameters are not taken for the ensemble's
        member = self.members[0]
        # what stands for its tensors has no memory; they themselves are not copied
        stand_ins: dict[int, Tensor] = {
            id(own): own.detach().to("meta") for own in member.buffers()
        }
        for own in member.parameters():
            stand_ins[id(own)] = nn.Parameter(own.detach().to("meta"), own.requires_grad)
        return copy.deepcopy(member, stand_ins)

    def __len__(self) -> int:
        return len(self.members)

    @contextmanager
    def flat_parameters(self) -> Iterator[nn.Parameter]:
        """All weights as one vector, in an order in which calls find those of a group side by side.

        Until the context ends, calls read views of it, and add to its gradient in as many operations
        as one member has weights. See :func:`~ibtrain.backend.optim.flatten`.
        """
        groups = self._groups(next(self.parameters()).device)
        named = [_parameters_of(group) for group in groups]
        alike = [own for group in named for own in group.values()]
        vector = flatten(parameter for own in alike for parameter in own)
        leaves = _leaves(vector, [(len(own), *own[0].shape) for own in alike])
        self._flat = [{name: next(leaves) for name in group} for group in named]
        try:
            yield vector
        finally:
            self._flat = []

    def forward(self, *inputs: Tensor) -> Any:
        """What every member makes of its own share.

        Args:
            *inputs: Each ``(K, ...)``.

        Returns:
            What a member returns, tensors in tuples and dictionaries, each ``(K, ...)``.
        """
        groups = self._groups(inputs[0].device)
        if len(groups) == 1:
            return self._call(0, groups[0], *inputs)
        shares = zip(*(part.split(len(groups[0])) for part in inputs), strict=True)
        outputs = [
            self._call(index, group, *own)
            for index, (group, own) in enumerate(zip(groups, shares, strict=True))
        ]
        return _tree(lambda parts: torch.cat(tuple(parts)), outputs)

    def map(self, inputs: Sequence[tuple[Tensor, ...]]) -> list[Any]:
        """Each member's outputs for its own inputs, all of the same shapes.

        Args:
            inputs: The arguments of each member, in order.

        Returns:
            What each member returns: tensors in tuples and dictionaries.
        """
        outputs = self(*(stack_batches(tensors) for tensors in zip(*inputs, strict=True)))
        return [_tree(lambda parts: parts[0][index], [outputs]) for index in range(len(self))]  # noqa: B023

    def _groups(self, device: torch.device) -> list[Group]:
        at_once = len(self) if device.type != "cpu" else self._group
        at_once = 1 if self._one_by_one else at_once
        members = list(self.members)
        return [members[start : start + at_once] for start in range(0, len(self), at_once)]

    def _call(self, index: int, group: Group, *inputs: Tensor) -> Any:
        """A group's outputs, batched if it has several members."""
        if len(group) == 1:
            outputs = group[0](*(part.squeeze(0) for part in inputs))
            return _tree(lambda parts: parts[0].unsqueeze(0), [outputs])
        template = self._template
        if self._flat:
            parameters = self._flat[index]
        else:
            parameters = {
                name: torch.stack(tuple(own)) for name, own in _parameters_of(group).items()
            }
        kept = _by_name([dict(member.named_buffers()) for member in group])
        buffers = {name: torch.stack(own) for name, own in kept.items()}

        def call(weights: dict[str, Tensor], state: dict[str, Tensor], *of_one: Tensor) -> Any:
            return functional_call(template, {**weights, **state}, of_one)

        outputs = vmap(call)(parameters, buffers, *inputs)
        with torch.no_grad():
            for name, own in kept.items():
                torch._foreach_copy_(own, buffers[name].unbind())
        return outputs


def _parameters_of(group: Group) -> dict[str, list[nn.Parameter]]:
    return _by_name([dict(member.named_parameters()) for member in group])


def _by_name(named: Sequence[dict[str, T]]) -> dict[str, list[T]]:
    """What all members have of each name."""
    return {name: [own[name] for own in named] for name in named[0]}


def _tree(join: Callable[[Sequence[Tensor]], Tensor], outputs: Sequence[Any]) -> Any:
    """One tensor for each that every call has returned, whether by itself, in a tuple or in a dictionary."""
    first = outputs[0]
    if isinstance(first, Tensor):
        return join(outputs)
    if isinstance(first, dict):
        return {name: _tree(join, [own[name] for own in outputs]) for name in first}
    return tuple(_tree(join, parts) for parts in zip(*outputs, strict=True))


def _leaves(vector: nn.Parameter, shapes: Sequence[tuple[int, ...]]) -> Iterator[Tensor]:
    """Consecutive parts of a vector, whose gradients are parts of its own."""
    assert vector.grad is not None
    sizes = [math.prod(shape) for shape in shapes]
    parts = vector.detach().split(sizes), vector.grad.split(sizes)
    for shape, values, gradient in zip(shapes, *parts, strict=True):
        leaf = values.view(shape).requires_grad_()
        leaf.grad = gradient.view(shape)
        yield leaf


def stack_batches(parts: Sequence[Tensor]) -> Tensor:
    """Each member's tensor along a first dimension; a single one is not copied."""
    return parts[0].unsqueeze(0) if len(parts) == 1 else torch.stack(list(parts))
