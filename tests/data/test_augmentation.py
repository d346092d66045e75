"""Random changes of images."""

import pytest
import torch
from torch import Tensor

from ibtrain.data.augmentation import random_crop, random_flip, random_jitter


def images(count: int, height: int, width: int) -> Tensor:
    """Images of two channels, of which no two values are the same and none is zero."""
    return 1.0 + torch.arange(count * 2 * height * width).view(count, 2, height, width)


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_half_of_the_images_are_mirrored() -> None:
    x = images(1000, 3, 4)
    flipped = random_flip(x, drawn())
    is_mirrored = (flipped == x.flip(3)).all(dim=(1, 2, 3))
    is_same = (flipped == x).all(dim=(1, 2, 3))
    assert (is_mirrored ^ is_same).all()
    # five standard errors
    assert is_mirrored.float().mean().item() == pytest.approx(0.5, abs=5 * 0.016)


def test_crops_are_windows_of_the_padded_image() -> None:
    """A slow reference finds the window of each crop; over all images, every window occurs as often."""
    x = images(4500, 16, 8)
    crops = random_crop(x, drawn())
    assert crops.shape == x.shape
    padded = torch.zeros(len(x), 2, 20, 10)
    padded[:, :, 2:18, 1:9] = x
    counts = torch.zeros(5, 3)
    for row in range(5):
        for column in range(3):
            window = padded[:, :, row : row + 16, column : column + 8]
            counts[row, column] = (window == crops).all(dim=(1, 2, 3)).sum()
    assert counts.sum() == len(x)
    # 300 each; five standard errors
    assert (counts - 300).abs().max() < 5 * 17


@pytest.mark.parametrize(("side", "margin"), [(32, 4), (28, 4), (8, 1)])
def test_the_padding_is_an_eighth_of_the_side(side: int, margin: int) -> None:
    crops = random_crop(torch.ones(2000, 1, side, side), drawn())
    zero_rows = (crops[:, 0] == 0).all(dim=2).sum(dim=1)
    assert zero_rows.max() == margin


def test_jitter_changes_contrast_and_brightness_of_each_image() -> None:
    x = torch.randn(2000, 2, 5, 4, generator=drawn(1))
    y = random_jitter(x, drawn())
    mean, std = y.mean((1, 2, 3)), y.std((1, 2, 3))
    brightness, contrast = mean - x.mean((1, 2, 3)), std / x.std((1, 2, 3))
    for value, centre in ((brightness, 0.0), (contrast, 1.0)):
        assert value.min() == pytest.approx(centre - 0.2, abs=2e-3)
        assert value.max() == pytest.approx(centre + 0.2, abs=2e-3)
        # uniform, whose standard deviation is the width over the square root of 12
        assert value.std().item() == pytest.approx(0.4 / 12**0.5, rel=0.05)
    assert abs(torch.corrcoef(torch.stack([brightness, contrast]))[0, 1].item()) < 5 / 2000**0.5
    # one linear map for each image
    residual = y - y.mean((1, 2, 3), keepdim=True)
    scaled = contrast.view(-1, 1, 1, 1) * (x - x.mean((1, 2, 3), keepdim=True))
    torch.testing.assert_close(residual, scaled, atol=1e-5, rtol=1e-4)
