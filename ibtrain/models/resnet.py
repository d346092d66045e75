"""Residual networks with one block per residual block."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from ibtrain.config import ModelConfig
from ibtrain.models.images import check_images, normalised_convolution
from ibtrain.models.layers import (
    activation_layer,
    add_input_dropout,
    check_weights,
    check_widths,
    dropout_layers,
)

__all__ = ["ResidualBlock", "from_config", "resnet"]


def from_config(
    config: ModelConfig, sample_shape: tuple[int, ...], num_classes: int
) -> nn.Sequential:
    """Creates the network of a run from its settings.

    Args:
        config: Settings, of which channels, activation, dropout and noise are used.
        sample_shape: Shape of a sample: ``(channels, height, width)``.
        num_classes: Number of classes.

    Raises:
        ModelError: If the samples are not images.
    """
    return resnet(
        check_images(sample_shape)[0],
        config.channels,
        num_classes,
        config.activation,
        config.dropout,
        noise_std=config.noise_std,
        input_dropout=config.input_dropout,
    )


class ResidualBlock(nn.Module):
    r"""Two 3 x 3 convolutions whose outputs are added to the input, :math:`a(f(x) + s(x))`.

    Each convolution is followed by batch normalisation, and the first one by the activation a too. The shortcut s is the identity,
    or a 1 x 1 convolution with batch normalisation where the shape changes. It is the ``BasicBlock`` of torchvision with
    any activation.

    Args:
        channels_in: Channels of the input.
        channels_out: Channels of the output.
        stride: Stride of the first convolution and of the shortcut.
        activation: One of :data:`~ibtrain.config.ACTIVATIONS`.

    References:
        He et al. (arXiv 1512.03385), fig. 2 and section 3.3, option B.
    """

    def __init__(
        self, channels_in: int, channels_out: int, stride: int = 1, activation: str = "relu"
    ) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            *normalised_convolution(channels_in, channels_out, stride=stride),
            activation_layer(activation),
            *normalised_convolution(channels_out, channels_out),
        )
        keeps_shape = stride == 1 and channels_in == channels_out
        self.shortcut: nn.Module = (
            nn.Identity()
            if keeps_shape
            else nn.Sequential(*normalised_convolution(channels_in, channels_out, 1, stride))
        )
        self.activation = activation_layer(activation)

    # torch.jit.script can't read annotations of shapes
    def forward(self, x: Tensor) -> Tensor:
        """The output ``(batch, channels_out, ...)`` of x ``(batch, channels_in, height, width)``."""
        output: Tensor = self.activation(self.residual(x) + self.shortcut(x))
        return output


def resnet(
    channels_in: int,
    channels: Sequence[int],
    num_classes: int,
    activation: str = "relu",
    dropout: float = 0.0,
    *,
    noise_std: float = 0.0,
    input_dropout: float = 0.0,
) -> nn.Sequential:
    """Creates a residual network, divided into blocks: ``stem``, ``res1``, ``res2``, ..., ``output``.

    The stem is a 3 x 3 convolution, batch normalisation, and the activation. A residual block for each number of channels
    follows, with stride 2 where the number differs from that of the block before it. Noise and dropout of its outputs end the
    stem and every residual block. The output block is linear after global average pooling.

    Args:
        channels_in: Channels of an image.
        channels: Output channels of the residual blocks; the stem has as many as the first one.
        num_classes: Number of classes.
        activation: One of :data:`~ibtrain.config.ACTIVATIONS`.
        dropout: Probability with which an output of a hidden block is set to zero in training.
        noise_std: Standard deviation of the noise that is added to the outputs of a hidden block in training.
        input_dropout: Probability with which a value of an image is set to zero in training.

    Raises:
        ConfigError: If a width is not a whole number above 0, or dropout or noise is out of range.
        ModelError: If the activation is unknown, or the weights are larger than memory.

    References:
        He et al. (arXiv 1512.03385), section 4.2, with the projections of option B.

    Example:
        >>> [name for name, _ in resnet(3, [16, 16, 32], 10).named_children()]
        ['stem', 'res1', 'res2', 'res3', 'output']
    """
    check_widths(channels_in=channels_in, channels=channels, num_classes=num_classes)
    first, *_, last = widths = [*channels[:1], *channels]
    check_weights(
        9 * channels_in * first
        + sum(9 * (a + b) * b + a * b * (a != b) for a, b in pairwise(widths))
        + last * num_classes
    )
    ends = [dropout_layers(dropout, noise_std) for _ in widths]
    blocks: OrderedDict[str, nn.Module] = OrderedDict()
    blocks["stem"] = nn.Sequential(
        *normalised_convolution(channels_in, first),
        activation_layer(activation),
        *ends[0],
    )
    for index, (dim_in, dim_out) in enumerate(pairwise(widths), 1):
        stride = 1 if dim_in == dim_out else 2
        residual = ResidualBlock(dim_in, dim_out, stride, activation)
        blocks[f"res{index}"] = nn.Sequential(residual, *ends[index])
    blocks["output"] = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(last, num_classes)
    )
    add_input_dropout(blocks, input_dropout)
    return nn.Sequential(blocks)
