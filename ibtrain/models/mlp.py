"""Multilayer perceptrons with one block per layer."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from ibtrain.config import ModelConfig
from ibtrain.models.layers import (
    activation_layer,
    add_input_dropout,
    check_weights,
    check_widths,
    dropout_layers,
)

__all__ = ["from_config", "mlp"]


def from_config(
    config: ModelConfig, sample_shape: tuple[int, ...], num_classes: int
) -> nn.Sequential:
    """Creates the multilayer perceptron of a run from its settings.

    Args:
        config: Settings, of which hidden widths, activation, dropout and noise are used.
        sample_shape: Shape of a sample, which is flattened.
        num_classes: Number of classes.
    """
    dim_x = math.prod(sample_shape)
    return mlp(
        dim_x,
        config.hidden,
        num_classes,
        config.activation,
        config.dropout,
        noise_std=config.noise_std,
        input_dropout=config.input_dropout,
    )


def mlp(
    dim_x: int,
    hidden: Sequence[int],
    num_classes: int,
    activation: str = "relu",
    dropout: float = 0.0,
    *,
    noise_std: float = 0.0,
    input_dropout: float = 0.0,
) -> nn.Sequential:
    """Creates a multilayer perceptron, divided into blocks: ``hidden1``, ``hidden2``, ..., ``output``.

    Args:
        dim_x: Dimension of the flattened input.
        hidden: Widths of the hidden layers.
        num_classes: Number of classes.
        activation: One of :data:`~ibtrain.config.ACTIVATIONS`.
        dropout: Probability with which an output of a hidden layer is set to zero in training.
        noise_std: Standard deviation of the noise that is added to the outputs of a hidden layer in training.
        input_dropout: Probability with which an input is set to zero in training.

    Returns:
        A network that maps ``(batch, ...)`` with ``dim_x`` values per sample to class scores
        ``(batch, num_classes)``.

    Raises:
        ConfigError: If a width is not a whole number above 0, or dropout or noise is out of range.
        ModelError: If the activation is unknown, or the weights are larger than memory.
    """
    hidden = hidden.tolist() if hasattr(hidden, "tolist") else hidden
    check_widths(dim_x=dim_x, hidden=hidden, num_classes=num_classes)
    check_weights(sum(a * b + b for a, b in pairwise([dim_x, *hidden, num_classes])))
    blocks: OrderedDict[str, nn.Module] = OrderedDict()
    for index, (dim_in, dim_out) in enumerate(pairwise([dim_x, *hidden]), 1):
        blocks[f"hidden{index}"] = nn.Sequential(
            nn.Flatten(),
            nn.Linear(dim_in, dim_out),
            activation_layer(activation),
            *dropout_layers(dropout, noise_std),
        )
    blocks["output"] = nn.Sequential(nn.Flatten(), nn.Linear([dim_x, *hidden][-1], num_classes))
    add_input_dropout(blocks, input_dropout)
    return nn.Sequential(blocks)
