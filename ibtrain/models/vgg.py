"""Convolutional networks after VGG, with batch normalisation and one block per layer."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from ibtrain.config import ModelConfig
from ibtrain.models.images import check_images, check_poolings, normalised_convolution
from ibtrain.models.layers import (
    activation_layer,
    add_input_dropout,
    check_weights,
    check_widths,
    dropout_layers,
)

__all__ = ["from_config", "vgg"]


def from_config(
    config: ModelConfig, sample_shape: tuple[int, ...], num_classes: int
) -> nn.Sequential:
    """Creates the network of a run from its settings.

    Args:
        config: Settings, of which channels, activation, dropout and noise are used.
        sample_shape: Shape of a sample: ``(channels, height, width)``.
        num_classes: Number of classes.

    Raises:
        ModelError: If the samples are not images, or are too small.
    """
    return vgg(
        check_images(sample_shape),
        config.channels,
        num_classes,
        config.activation,
        config.dropout,
        noise_std=config.noise_std,
        input_dropout=config.input_dropout,
    )


def vgg(
    input_shape: tuple[int, int, int],
    channels: Sequence[int],
    num_classes: int,
    activation: str = "relu",
    dropout: float = 0.0,
    *,
    noise_std: float = 0.0,
    input_dropout: float = 0.0,
) -> nn.Sequential:
    """Creates a convolutional network, divided into blocks: ``conv1``, ``conv2``, ..., ``output``.

    Each convolutional block is a 3 x 3 convolution, batch normalisation, and the activation. The last of consecutive
    blocks with the same number of channels halves height and width by 2 x 2 max pooling. Noise and dropout of
    its outputs end a block. The output block is linear.

    Args:
        input_shape: ``(channels, height, width)`` of an image.
        channels: Output channels of the convolutional blocks.
        num_classes: Number of classes.
        activation: One of :data:`~ibtrain.config.ACTIVATIONS`.
        dropout: Probability with which an output of a convolutional block is set to zero in training.
        noise_std: Standard deviation of the noise that is added to the outputs of a convolutional block in training.
        input_dropout: Probability with which a value of an image is set to zero in training.

    Raises:
        ConfigError: If a width is not a whole number above 0, or dropout or noise is out of range.
        ModelError: If the images are too small for the number of poolings, the activation is unknown, or
            the weights are larger than memory.

    References:
        Simonyan and Zisserman (arXiv 1409.1556); Nøkland and Eidnes (arXiv 1901.06656), with batch normalisation.

    Example:
        >>> [name for name, _ in vgg((3, 32, 32), [16, 16, 32], 10).named_children()]
        ['conv1', 'conv2', 'conv3', 'output']
    """
    check_widths(channels=channels, num_classes=num_classes)
    depth, height, width = input_shape
    is_pooled = [a != b for a, b in pairwise([*channels, 0])]
    scale = check_poolings(height, width, sum(is_pooled), "poolings", "vgg")
    widths = [depth, *channels]
    dim_h = widths[-1] * (height // scale) * (width // scale)
    check_weights(sum(9 * a * b + 2 * b for a, b in pairwise(widths)) + dim_h * num_classes)
    blocks: OrderedDict[str, nn.Module] = OrderedDict()
    for index, (dim_in, dim_out) in enumerate(pairwise(widths), 1):
        blocks[f"conv{index}"] = nn.Sequential(
            *normalised_convolution(dim_in, dim_out),
            activation_layer(activation),
            *([nn.MaxPool2d(2)] if is_pooled[index - 1] else []),
            *dropout_layers(dropout, noise_std),
        )
    blocks["output"] = nn.Sequential(nn.Flatten(), nn.Linear(dim_h, num_classes))
    add_input_dropout(blocks, input_dropout)
    return nn.Sequential(blocks)
