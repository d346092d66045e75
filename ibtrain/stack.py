"""Networks of one shape that train as one."""

import copy
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

__all__ = ["Stack", "side_by_side"]

GROUP = 16
"""Small networks that a CPU runs at once: with 64-64 hidden units half as fast again as one by one."""
SMALL = 1 << 13
"""Weights of such a network, at most."""


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
        self._group = GROUP if weights <= SMALL and len(members) >= GROUP else 1
        draws = any(isinstance(module, nn.modules.dropout._DropoutNd) for module in self.modules())
        self._one_by_one = draws or any(True for _ in members[0].buffers())

    @cached_property
    def _template(self) -> nn.Module:
        # kept past nn.Module's own attributes, so that its parameters are not taken for the stack's
        return copy.deepcopy(self.members[0]).to("meta")

    def __len__(self) -> int:
        return len(self.members)

    def forward(self, *inputs: Tensor) -> Any:
        """What every member makes of its own share.

        Args:
            *inputs: Each ``(K, ...)``.

        Returns:
            What a member returns, a tensor or several, each ``(K, ...)``.
        """
        if len(self) == 1:
            return self._call([self.members[0]], *inputs)
        at_once = len(self) if inputs[0].device.type != "cpu" else self._group
        at_once = 1 if self._one_by_one else at_once
        shares = zip(*(part.split(at_once) for part in inputs), strict=True)
        members = list(self.members)
        groups = (members[start : start + at_once] for start in range(0, len(self), at_once))
        outputs = [self._call(group, *own) for group, own in zip(groups, shares, strict=True)]
        if isinstance(outputs[0], Tensor):
            return torch.cat(outputs)
        return tuple(torch.cat(part) for part in zip(*outputs, strict=True))

    def _call(self, members: Sequence[nn.Module], *inputs: Tensor) -> Any:
        """Some members' outputs, batched if there are several."""
        if len(members) == 1:
            outputs = members[0](*(part.squeeze(0) for part in inputs))
            if isinstance(outputs, Tensor):
                return outputs.unsqueeze(0)
            return tuple(part.unsqueeze(0) for part in outputs)
        template = self._template
        named = [dict(member.named_parameters()) for member in members]
        parameters = {name: torch.stack([own[name] for own in named]) for name in named[0]}

        def call(own: dict[str, Tensor], *of_one: Tensor) -> Any:
            return functional_call(template, own, of_one)

        return vmap(call)(parameters, *inputs)


def side_by_side(parts: Sequence[Tensor]) -> Tensor:
    """Each member's tensor along a first dimension; a single one is not copied."""
    return parts[0].unsqueeze(0) if len(parts) == 1 else torch.stack(list(parts))
