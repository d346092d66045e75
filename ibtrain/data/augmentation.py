"""Random changes of a batch of images: flips, crops, and jitter of brightness and contrast."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from ibtrain.errors import ConfigError

__all__ = ["check_augmentable", "random_crop", "random_flip", "random_jitter"]

CROP_SHARE = 8
"""Images are padded by this part of their height and width on every side: 4 pixels of 32."""
JITTER = 0.2
"""Largest change of the contrast, as a share, and of the brightness, in standard deviations of the training pixels."""

Images = Float[Tensor, "batch channels height width"]


def check_augmentable(names: Sequence[str], x: Tensor) -> None:
    """Checks that samples can be augmented.

    Args:
        names: Names of augmentations.
        x: Samples.

    Raises:
        ConfigError: If there are augmentations and the samples are not images, or bytes are to be jittered.
    """
    if names and x.dim() != 4:
        given = f"{','.join(names)} with samples of shape {tuple(x.shape[1:])}"
        raise ConfigError(given, "images (channels, height, width)", "augment")
    if "jitter" in names and not x.is_floating_point():
        raise ConfigError("jitter with images of bytes", "standardised images", "augment")


def random_flip(x: Images, generator: torch.Generator) -> Images:
    """Mirrors each image from left to right with probability 1/2.

    Args:
        x: Images.
        generator: Source of random numbers, on the device of the images.
    """
    is_flipped = torch.rand(len(x), 1, 1, 1, generator=generator, device=x.device) < 0.5
    return torch.where(is_flipped, x.flip(-1), x)


def random_crop(x: Images, generator: torch.Generator) -> Images:
    """Pads each image with zeros, an eighth of its height and width on every side, and cuts its size out at random.

    Zero is the mean of a channel if images are standardised.

    Args:
        x: Images.
        generator: Source of random numbers, on the device of the images.

    References:
        He et al. (arXiv 1512.03385), section 4.2.
    """
    height, width = x.shape[2:]
    rows, columns = -(-height // CROP_SHARE), -(-width // CROP_SHARE)
    padded = pad(x, (columns, columns, rows, rows))
    # views of all windows: only the chosen ones are copied
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    row, column = (
        torch.randint(2 * margin + 1, (len(x),), generator=generator, device=x.device)
        for margin in (rows, columns)
    )
    crops: Tensor = windows[torch.arange(len(x), device=x.device), :, row, column]
    return crops


def random_jitter(x: Images, generator: torch.Generator) -> Images:
    r"""Changes contrast and brightness of each image, :math:`m + c\,(x - m) + b`.

    m is the mean of the image, and c and b are uniform in [0.8, 1.2] and [-0.2, 0.2].

    Args:
        x: Standardised images.
        generator: Source of random numbers, on the device of the images.
    """
    uniform = torch.rand(2, len(x), 1, 1, 1, generator=generator, device=x.device)
    contrast, brightness = JITTER * (2 * uniform - 1)
    mean = x.mean((1, 2, 3), keepdim=True)
    jittered: Tensor = x + contrast * (x - mean) + brightness
    return jittered
