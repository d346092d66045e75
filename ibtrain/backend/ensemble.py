"""Several networks of one shape that are called as one."""

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
from ibtrain.backend.process_group import num_processes
from ibtrain.backend.random_layers import draws_random_numbers

__all__ = ["Ensemble"]

NETWORKS_AT_ONCE = 16
"""Number of small networks that a CPU runs at once: with 64-64 hidden units 1.5 times as fast as one by one."""
SMALL = 1 << 13
"""Largest number of weights of a small network."""

T = TypeVar("T")
Group = Sequence[nn.Module]
"""Members that run at once."""


class Ensemble(nn.Module):
    """K networks of one shape that are called as one.

    In small networks the overhead of each operation dominates. On an accelerator an ensemble executes the
    operations of a single network, each on K times as many numbers. Adam treats every weight separately, so that
    the members train as they would alone. Each member has its own buffers, such as running means, which it may
    change in place. Networks that draw random numbers in modules such as dropout, or that hold
    tensors which are neither parameters nor buffers, are called one by one on every device; other functions that draw random
    numbers are not supported.

    Args:
        members: Networks of the same class and shape.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        weights = sum(parameter.numel() for parameter in members[0].parameters())
        # larger networks spend their time on a CPU in matrix products, which are no faster in a batch
        self._group = (
            NETWORKS_AT_ONCE if weights <= SMALL and len(members) >= NETWORKS_AT_ONCE else 1
        )
        self._one_by_one = any(map(_must_run_alone, self.modules()))
        self._flat: list[dict[str, Tensor]] = []

    @cached_property
    def _template(self) -> nn.Module:
        # a cached property and no attribute of the module, whose parameters would become the ensemble's
        member = self.members[0]
        # its tensors are on the meta device: they take no memory, and are not copied
        stand_ins: dict[int, Tensor] = {
            id(buffer): buffer.detach().to("meta") for buffer in member.buffers()
        }
        for parameter in member.parameters():
            meta = parameter.detach().to("meta")
            stand_ins[id(parameter)] = nn.Parameter(meta, parameter.requires_grad)
        return copy.deepcopy(member, stand_ins)

    def __len__(self) -> int:
        return len(self.members)

    @contextmanager
    def flat_parameters(self) -> Iterator[nn.Parameter]:
        """All weights as one vector, ordered so that each group's weights are contiguous.

        Until the block is left, calls read views of the vector, and add to its gradient in as many operations
        as one member has parameters. See :func:`~ibtrain.backend.optim.flatten`.
        """
        groups = self._groups(next(self.parameters()).device)
        by_group = [_parameters_of(group) for group in groups]
        stacks = [stack for parameters in by_group for stack in parameters.values()]
        vector = flatten(parameter for stack in stacks for parameter in stack)
        leaves = _leaves(vector, [(len(stack), *stack[0].shape) for stack in stacks])
        self._flat = [{name: next(leaves) for name in parameters} for parameters in by_group]
        try:
            yield vector
        finally:
            self._flat = []

    def forward(self, *inputs: Tensor) -> Any:
        """The outputs of all members, each for its own inputs.

        Args:
            *inputs: Arguments of the members, each ``(K, ...)``.

        Returns:
            The members' outputs, tensors in tuples and dictionaries, each ``(K, ...)``.
        """
        groups = self._groups(inputs[0].device)
        if len(groups) == 1:
            return self._call(0, groups[0], *inputs)
        shares = zip(*(tensor.split(len(groups[0])) for tensor in inputs), strict=True)
        outputs = [
            self._call(index, group, *share)
            for index, (group, share) in enumerate(zip(groups, shares, strict=True))
        ]
        return _tree(lambda parts: torch.cat(tuple(parts)), outputs)

    def map(self, inputs: Sequence[tuple[Tensor, ...]]) -> list[Any]:
        """The outputs of each member, each for its own inputs; all have the same shapes.

        Args:
            inputs: The arguments of each member, in order.

        Returns:
            The output of each member: tensors in tuples and dictionaries.
        """
        if len(self._groups(inputs[0][0].device)) == len(self):
            pairs = zip(self.members, inputs, strict=True)
            return [member(*arguments) for member, arguments in pairs]
        outputs = self(*(torch.stack(tensors) for tensors in zip(*inputs, strict=True)))
        return [_tree(lambda parts: parts[0][index], [outputs]) for index in range(len(self))]  # noqa: B023

    def _groups(self, device: torch.device) -> list[Group]:
        at_once = len(self) if device.type != "cpu" else self._group
        # vmap has no rule for exchanges between processes
        at_once = 1 if self._one_by_one or num_processes() > 1 else at_once
        members = list(self.members)
        return [members[start : start + at_once] for start in range(0, len(self), at_once)]

    def _call(self, index: int, group: Group, *inputs: Tensor) -> Any:
        """A group's outputs, batched if it has several members."""
        if len(group) == 1:
            outputs = group[0](*(tensor.squeeze(0) for tensor in inputs))
            return _tree(lambda parts: parts[0].unsqueeze(0), [outputs])
        template = self._template
        if template.training != group[0].training:
            template.train(group[0].training)
        if self._flat:
            parameters = self._flat[index]
        else:
            parameters = {
                name: torch.stack(tuple(stack)) for name, stack in _parameters_of(group).items()
            }
        own_buffers = _by_name([dict(member.named_buffers()) for member in group])
        buffers = {name: torch.stack(tensors) for name, tensors in own_buffers.items()}

        def call(weights: dict[str, Tensor], state: dict[str, Tensor], *arguments: Tensor) -> Any:
            return functional_call(template, {**weights, **state}, arguments)

        outputs = vmap(call)(parameters, buffers, *inputs)
        with torch.no_grad():
            for name, tensors in own_buffers.items():
                torch._foreach_copy_(tensors, buffers[name].unbind())
        return outputs


def _must_run_alone(module: nn.Module) -> bool:
    """Whether a module draws random numbers, or holds a tensor that is neither a parameter nor a buffer."""
    holds_tensor = any(isinstance(value, Tensor) for value in vars(module).values())
    return draws_random_numbers(module) or holds_tensor


def _parameters_of(group: Group) -> dict[str, list[nn.Parameter]]:
    return _by_name([dict(member.named_parameters()) for member in group])


def _by_name(named: Sequence[dict[str, T]]) -> dict[str, list[T]]:
    """The tensors of all members, by their name."""
    return {name: [tensors[name] for tensors in named] for name in named[0]}


def _tree(join: Callable[[Sequence[Tensor]], Tensor], outputs: Sequence[Any]) -> Any:
    """Joins the outputs of several calls: tensors, or tuples and dictionaries of them."""
    first = outputs[0]
    if isinstance(first, Tensor):
        return join(outputs)
    if isinstance(first, dict):
        return {name: _tree(join, [output[name] for output in outputs]) for name in first}
    return tuple(_tree(join, parts) for parts in zip(*outputs, strict=True))


def _leaves(vector: nn.Parameter, shapes: Sequence[tuple[int, ...]]) -> Iterator[Tensor]:
    """Consecutive parts of a vector as leaves, whose gradients are parts of its gradient."""
    assert vector.grad is not None
    sizes = [math.prod(shape) for shape in shapes]
    parts = vector.detach().split(sizes), vector.grad.split(sizes)
    for shape, values, gradient in zip(shapes, *parts, strict=True):
        leaf = values.view(shape).requires_grad_()
        leaf.grad = gradient.view(shape)
        yield leaf
