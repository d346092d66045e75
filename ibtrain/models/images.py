"""What convolutional networks share: checks of images, and convolutions with batch normalisation."""

from torch import nn

from ibtrain.errors import ModelError

__all__ = ["check_images", "check_poolings", "normalised_convolution"]


def check_images(sample_shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Returns the shape ``(channels, height, width)`` of a sample.

    Raises:
        ModelError: If the samples are not images.
    """
    if len(sample_shape) != 3:
        expected = "images (channels, height, width)"
        raise ModelError(f"samples of shape {sample_shape}", expected, "model")
    return sample_shape


def check_poolings(height: int, width: int, count: int, layers: str, where: str) -> int:
    """Returns by how much poolings of 2 x 2 pixels reduce the height and the width of an image.

    Args:
        height: Height of the image.
        width: Width of the image.
        count: Number of poolings.
        layers: What the poolings are called in error messages.
        where: The network, for error messages.

    Raises:
        ModelError: If the image is too small.
    """
    scale: int = 2**count
    if min(height, width) < scale:
        expected = f"at least {scale} x {scale} pixels for {count} {layers}"
        raise ModelError(f"images of {height} x {width} pixels", expected, where)
    return scale


def normalised_convolution(
    channels_in: int, channels_out: int, kernel_size: int = 3, stride: int = 1
) -> list[nn.Module]:
    """Creates a convolution that keeps height and width, divided by the stride, and its batch normalisation.

    Args:
        channels_in: Channels of the input.
        channels_out: Channels of the output.
        kernel_size: Height and width of the kernel, an odd number.
        stride: Stride of the convolution.
    """
    convolution = nn.Conv2d(
        channels_in,
        channels_out,
        kernel_size,
        stride=stride,
        padding=kernel_size // 2,
        # batch normalisation adds a bias
        bias=False,
    )
    return [convolution, nn.BatchNorm2d(channels_out)]
