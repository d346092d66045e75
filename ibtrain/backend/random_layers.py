"""Layers that draw random numbers in training and are the identity in evaluation."""

from torch import nn

__all__ = ["RandomLayer", "draws_random_numbers", "is_random_layer"]

_DRAWING = (nn.RReLU, nn.MultiheadAttention)
"""Modules of torch that draw random numbers in training and are not the identity in evaluation."""


class RandomLayer(nn.Module):
    """Base class of layers that, like dropout, draw random numbers in training and are the identity in evaluation."""


def is_random_layer(module: nn.Module) -> bool:
    """Whether a module is one of torch's dropouts or a :class:`RandomLayer`."""
    return isinstance(module, nn.modules.dropout._DropoutNd | RandomLayer)


def draws_random_numbers(module: nn.Module) -> bool:
    """Whether a module draws random numbers in training."""
    return is_random_layer(module) or isinstance(module, _DRAWING)
