"""Gradients that are changed on their way back, their length, and whether there are any."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["differentiable", "gradient_norm", "scale_gradient"]


@contextmanager
def differentiable() -> Iterator[None]:
    """Records gradients within, even where it is entered in ``no_grad`` or ``inference_mode``."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


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
