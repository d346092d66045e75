"""Multilayer perceptrons, a block for each layer."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from ibtrain.backend.memory import check_memory
from ibtrain.checks import check_integer
from ibtrain.config import ModelConfig
from ibtrain.errors import ModelError

__all__ = ["activation_layer", "check_weights", "check_widths", "from_config", "mlp"]

BYTES = 4
"""Of a weight."""

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "leaky_relu": nn.LeakyReLU,
}


def activation_layer(name: str) -> nn.Module:
    """A new activation module by name.

    Raises:
        ModelError: There is no activation of that name.
    """
    if name not in _ACTIVATIONS:
        raise ModelError(repr(name), "one of " + ", ".join(_ACTIVATIONS), "activation")
    return _ACTIVATIONS[name]()


def check_widths(**widths: int | Sequence[int]) -> None:
    """Widths of layers, by the name of the argument that has them.

    Raises:
        ConfigError: If one is no whole number above 0.
    """
    for name, value in widths.items():
        for width in value if isinstance(value, Sequence) else [value]:
            check_integer(name, width, 1)


def check_weights(count: int, what: str = "") -> None:
    """A network's weights, before they are made.

    Args:
        count: How many.
        what: Words for an error that say which network has them.

    Raises:
        ModelError: They, their gradients and Adam's two moments are more than memory can hold.
    """
    given = f"{what}{count} weights, with gradients and Adam's moments"
    check_memory(4 * BYTES * count, given, ModelError, "model")


def from_config(
    config: ModelConfig, sample_shape: tuple[int, ...], num_classes: int
) -> nn.Sequential:
    """The multilayer perceptron of a run's settings.

    Args:
        config: Hidden widths and activation.
        sample_shape: Shape of a sample, which is flattened.
        num_classes: Number of classes.
    """
    return mlp(math.prod(sample_shape), config.hidden, num_classes, config.activation)


def mlp(
    dim_x: int, hidden: Sequence[int], num_classes: int, activation: str = "relu"
) -> nn.Sequential:
    """A multilayer perceptron cut into blocks: ``hidden1``, ``hidden2``, ..., ``output``.

    Args:
        dim_x: Dimension of the flattened input.
        hidden: Widths of the hidden layers.
        num_classes: Number of classes.
        activation: ``relu``, ``tanh``, ``sigmoid`` or ``leaky_relu``.

    Returns:
        A network that maps ``(batch, ...)`` with ``dim_x`` values a sample to class scores
        ``(batch, num_classes)``.

    Raises:
        ConfigError: If a width is no whole number above 0.
        ModelError: If the activation is unknown, or memory can't hold the weights.
    """
    check_widths(dim_x=dim_x, hidden=hidden, num_classes=num_classes)
    check_weights(sum(a * b + b for a, b in pairwise([dim_x, *hidden, num_classes])))
    blocks: OrderedDict[str, nn.Module] = OrderedDict()
    for index, (dim_in, dim_out) in enumerate(pairwise([dim_x, *hidden]), 1):
        blocks[f"hidden{index}"] = nn.Sequential(
            nn.Flatten(), nn.Linear(dim_in, dim_out), activation_layer(activation)
        )
    blocks["output"] = nn.Sequential(nn.Flatten(), nn.Linear([dim_x, *hidden][-1], num_classes))
    return nn.Sequential(blocks)
