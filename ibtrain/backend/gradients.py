"""Scaled gradients, their norm, and a block in which they are recorded."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["differentiable", "gradient_norm", "scale_gradient"]


@contextmanager
def differentiable() -> Iterator[None]:
    """Records gradients within the block, even inside ``no_grad`` or ``inference_mode``."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def gradient_norm(parameters: Iterable[Tensor]) -> Float[Tensor, ""]:
    """Norm of all gradients as one vector; it is finite if all of them are."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return torch.nn.utils.get_total_norm(gradients)


def scale_gradient(
    tensor: Float[Tensor, "*shape"], scale: float | Tensor
) -> Float[Tensor, "*shape"]:
    """The identity, whose backward pass multiplies the gradient by ``scale``.

    With a negative scale it is a gradient-reversal layer.

    Args:
        tensor: The tensor.
        scale: Factor of the gradient.

    References:
        Ganin & Lempitsky (arXiv 1409.7495).
    """
    # an interpolation between a tensor and itself is the tensor, and only its first argument has a gradient
    return torch.lerp(tensor, tensor.detach(), 1 - scale)
