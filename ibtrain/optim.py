"""The optimiser and the annealing that blocks, networks and measuring critics share."""

import math
from collections.abc import Iterable

import torch
from torch import nn

__all__ = ["adam", "cosine", "set_rate"]


def adam(
    parameters: Iterable[nn.Parameter],
    rate: float,
    device: torch.device,
    *,
    weight_decay: float = 0.0,
) -> torch.optim.Adam:
    """Adam, in one fused kernel a step where the device has it; weight decay is decoupled (AdamW)."""
    return torch.optim.Adam(
        parameters,
        lr=rate,
        weight_decay=weight_decay,
        decoupled_weight_decay=True,
        fused=device.type in ("cpu", "cuda"),
    )


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Gives every parameter this learning rate from the next step on."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def cosine(progress: float) -> float:
    r"""Share of the initial rate left after a share of the steps, :math:`\frac12 (1 + \cos \pi p)`."""
    return 0.5 * (1 + math.cos(math.pi * progress))
