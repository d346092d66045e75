"""Optimisers, their learning-rate schedule, and weights as one vector."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ibtrain.backend.cuda_graphs import uses_graphs

__all__ = ["adam", "cosine", "flatten", "load_moments", "make_optimizer", "set_rate"]

Parameters = Iterable[nn.Parameter] | Sequence[dict[str, Any]]
"""Parameters, or groups of them with settings of their own."""
MOMENTS = {
    torch.optim.Adam: ("step", "exp_avg", "exp_avg_sq"),
    torch.optim.SGD: ("momentum_buffer",),
}
"""Names of what each optimiser keeps of a parameter's gradients."""


def make_optimizer(
    name: str, parameters: Parameters, rate: float, device: torch.device, momentum: float = 0.0
) -> torch.optim.Optimizer:
    """Creates an optimiser, whose step is one fused kernel on devices that have one.

    Args:
        name: ``adam``, ``adamw`` or ``sgd``; weight decay of ``adam`` is added to the gradient (L2 regularisation).
        parameters: Parameters, or groups of them.
        rate: Learning rate.
        device: Device of the parameters.
        momentum: Momentum of ``sgd``.
    """
    if name == "sgd":
        return _sgd(parameters, rate, device, momentum)
    return adam(parameters, rate, device, is_decoupled=name == "adamw")


def adam(
    parameters: Parameters,
    rate: float,
    device: torch.device,
    *,
    weight_decay: float = 0.0,
    is_decoupled: bool = True,
    maximize: bool = False,
) -> torch.optim.Adam:
    """Adam with decoupled weight decay (AdamW), in one fused kernel a step on devices that have one."""
    return torch.optim.Adam(
        parameters,
        lr=_rate(rate, device),
        capturable=uses_graphs(device),
        weight_decay=weight_decay,
        decoupled_weight_decay=is_decoupled,
        maximize=maximize,
        fused=_is_fused(device),
    )


def _sgd(
    parameters: Parameters, rate: float, device: torch.device, momentum: float
) -> torch.optim.SGD:
    optimizer = torch.optim.SGD(
        parameters, lr=_rate(rate, device), momentum=momentum, fused=_is_fused(device)
    )
    if momentum:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                # torch would begin with memory as it finds it, and keep that if the first step is skipped
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def _rate(rate: float, device: torch.device) -> float | Tensor:
    """The learning rate; a recorded step reads it from a tensor."""
    return torch.tensor(rate, device=device) if uses_graphs(device) else rate


def _is_fused(device: torch.device) -> bool:
    return device.type in ("cpu", "cuda")


def load_moments(
    optimizer: torch.optim.Optimizer, moments: Mapping[int, Mapping[str, Tensor]]
) -> None:
    """Restores what an optimiser keeps of the gradients, by the number of the parameter.

    Raises:
        KeyError: If a part is missing.
        ValueError: If the shapes are not those of the parameters.
    """
    document = optimizer.state_dict()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for index, saved in moments.items():
        for name in MOMENTS[type(optimizer)]:
            shape = () if name == "step" else parameters[index].shape
            if saved[name].shape != shape:
                raise ValueError("moments of other parameters")
    optimizer.load_state_dict({**document, "state": moments})


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Sets the learning rate of all parameters."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def cosine(progress: float) -> float:
    r"""Share of the initial learning rate after a share p of the steps, :math:`\frac12 (1 + \cos \pi p)`."""
    return 0.5 * (1 + math.cos(math.pi * progress))


def flatten(parameters: Iterable[nn.Parameter]) -> nn.Parameter:
    """All parameters as one vector, of which the parameters and their gradients become views.

    In small networks the overhead for each tensor dominates; with one flat vector a step of the optimiser, a norm
    or an average is one operation. The gradient is the vector's ``grad``; it is added
    to, never replaced, and has to be set to zero in place.

    Args:
        parameters: Already on their device; they keep their shapes and values.
    """
    parameters = list(parameters)
    vector = nn.Parameter(nn.utils.parameters_to_vector(parameters).detach())
    vector.grad = torch.zeros_like(vector)
    sizes = [parameter.numel() for parameter in parameters]
    views = zip(vector.detach().split(sizes), vector.grad.split(sizes), strict=True)
    for parameter, (values, gradient) in zip(parameters, views, strict=True):
        parameter.data = values.view_as(parameter)
        parameter.grad = gradient.view_as(parameter) if parameter.requires_grad else None
    return vector
