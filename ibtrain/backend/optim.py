"""The optimiser, its learning-rate schedule, and weights as one vector."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ibtrain.backend.cuda_graphs import uses_graphs

__all__ = ["adam", "cosine", "flatten", "set_rate"]


def adam(
    parameters: Iterable[nn.Parameter],
    rate: float,
    device: torch.device,
    *,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> torch.optim.Adam:
    """Adam with decoupled weight decay (AdamW), in one fused kernel a step on devices that have one."""
    is_capturable = uses_graphs(device)
    return torch.optim.Adam(
        parameters,
        # a recorded step reads its learning rate from a tensor
        lr=torch.tensor(rate, device=device) if is_capturable else rate,
        capturable=is_capturable,
        weight_decay=weight_decay,
        decoupled_weight_decay=True,
        maximize=maximize,
        fused=device.type in ("cpu", "cuda"),
    )


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
