"""Networks of one shape that train as one: their parameters side by side, every call a batched one."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

__all__ = ["Stack"]


class Stack(nn.Module):
    """K networks of one shape whose calls are one.

    Small networks spend their time between operations, not in them; a stack has the steps of one
    network, and on an accelerator its operations, each K times as large. Adam treats every number by itself, so that a stack's members
    train as they would alone.

    Args:
        members: Networks of the same class and shape; their parameters are copied.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.count = len(members)
        # in a tuple, so that its parameters are not taken for the stack's own
        self._template = (copy.deepcopy(members[0]).to("meta"),)
        named = [dict(member.named_parameters()) for member in members]
        self.stacked = nn.ParameterDict(
            {
                _key(name): nn.Parameter(torch.stack([own[name].detach() for own in named]))
                for name in named[0]
            }
        )

    def forward(self, *inputs: Tensor) -> Any:
        """What every member makes of its own share.

        Args:
            *inputs: Each ``(K, ...)``.

        Returns:
            What a member returns, a tensor or several, each ``(K, ...)``.
        """
        (template,) = self._template
        names = [name for name, _ in template.named_parameters()]
        parameters = {name: self.stacked[_key(name)] for name in names}

        def call(own: dict[str, Tensor], *of_one: Tensor) -> Any:
            return functional_call(template, own, of_one)

        if inputs[0].device.type != "cpu":
            return vmap(call)(parameters, *inputs)
        # there a batched product is no faster than its parts, and often slower
        outputs = [
            call(dict(zip(names, own, strict=True)), *of_one)
            for own, *of_one in zip(
                zip(*(parameters[name].unbind() for name in names), strict=True),
                *inputs,
                strict=True,
            )
        ]
        if isinstance(outputs[0], Tensor):
            return torch.stack(outputs)
        return tuple(torch.stack(part) for part in zip(*outputs, strict=True))

    def member(self, index: int) -> nn.Module:
        """One of the networks, by itself, with a copy of its parameters."""
        (template,) = self._template
        alone = copy.deepcopy(template).to_empty(device=next(self.parameters()).device)
        own = {name: self.stacked[_key(name)][index] for name, _ in alone.named_parameters()}
        alone.load_state_dict(own)
        return alone


def _key(name: str) -> str:
    # a parameter's name in a ParameterDict has no dots
    return name.replace(".", "/")
