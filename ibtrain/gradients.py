"""Gradients that are changed on their way back, and their length."""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["gradient_norm", "scale_gradient"]


def gradient_norm(parameters: Iterable[Tensor]) -> Float[Tensor, ""]:
    """Length of all gradients as one vector; it is finite where all of them are."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return torch.nn.utils.get_total_norm(gradients)


def scale_gradient(
    tensor: Float[Tensor, "*shape"], scale: float | Tensor
) -> Float[Tensor, "*shape"]:
    """The tensor itself, whose gradient is multiplied by ``scale`` on its way back."""
    # between a tensor and itself all weights give the same, and only its first part has a gradient
    return torch.lerp(tensor, tensor.detach(), 1 - scale)
