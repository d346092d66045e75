"""Convolutional networks with one block per layer."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from ibtrain.config import ModelConfig
from ibtrain.models.images import check_images, check_poolings
from ibtrain.models.layers import (
    activation_layer,
    add_input_dropout,
    check_weights,
    check_widths,
    dropout_layers,
)
from ibtrain.models.mlp import mlp

__all__ = ["conv_net", "from_config"]


def from_config(
    config: ModelConfig, sample_shape: tuple[int, ...], num_classes: int
) -> nn.Sequential:
    """Creates the convolutional network of a run from its settings.

    Args:
        config: Settings, of which channels, hidden widths, activation, dropout and noise are used.
        sample_shape: Shape of a sample: ``(channels, height, width)``.
        num_classes: Number of classes.

    Raises:
        ModelError: If the samples are not images, or are too small.
    """
    return conv_net(
        check_images(sample_shape),
        config.channels,
        config.hidden,
        num_classes,
        config.activation,
        config.dropout,
        noise_std=config.noise_std,
        input_dropout=config.input_dropout,
    )


def conv_net(
    input_shape: tuple[int, int, int],
    channels: Sequence[int],
    hidden: Sequence[int],
    num_classes: int,
    activation: str = "relu",
    dropout: float = 0.0,
    *,
    noise_std: float = 0.0,
    input_dropout: float = 0.0,
) -> nn.Sequential:
    """Creates a convolutional network, divided into blocks: ``conv1``, ..., ``hidden1``, ..., ``output``.

    Each convolutional block is a 3 x 3 convolution, the activation, 2 x 2 max pooling, and noise and dropout of its
    outputs.
    Linear blocks as in :func:`~ibtrain.models.mlp.mlp` follow.

    Args:
        input_shape: ``(channels, height, width)`` of an image.
        channels: Output channels of the convolutional blocks.
        hidden: Widths of the linear blocks.
        num_classes: Number of classes.
        activation: One of :data:`~ibtrain.config.ACTIVATIONS`.
        dropout: Probability with which an output of a hidden block is set to zero in training.
        noise_std: Standard deviation of the noise that is added to the outputs of a hidden block in training.
        input_dropout: Probability with which a value of an image is set to zero in training.

    Raises:
        ConfigError: If a width is not a whole number above 0, or dropout or noise is out of range.
        ModelError: If the images are too small for the number of poolings, the activation is unknown, or
            the weights are larger than memory.
    """
    check_widths(channels=channels, hidden=hidden, num_classes=num_classes)
    depth, height, width = input_shape
    scale = check_poolings(height, width, len(channels), "convolutional blocks", "conv_net")
    check_weights(sum(9 * a * b + b for a, b in pairwise([depth, *channels])))
    blocks: OrderedDict[str, nn.Module] = OrderedDict()
    for index, (dim_in, dim_out) in enumerate(pairwise([depth, *channels]), 1):
        blocks[f"conv{index}"] = nn.Sequential(
            nn.Conv2d(dim_in, dim_out, kernel_size=3, padding=1),
            activation_layer(activation),
            nn.MaxPool2d(2),
            *dropout_layers(dropout, noise_std),
        )
    dim_h = ([depth, *channels][-1]) * (height // scale) * (width // scale)
    linear = mlp(dim_h, hidden, num_classes, activation, dropout, noise_std=noise_std)
    blocks.update(linear.named_children())
    add_input_dropout(blocks, input_dropout)
    return nn.Sequential(blocks)
