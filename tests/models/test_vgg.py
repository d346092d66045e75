"""Convolutional networks after VGG."""

import pytest
import torch
from torch import nn

from ibtrain.config import ModelConfig
from ibtrain.errors import ConfigError, ModelError
from ibtrain.models.blocks import block_outputs, cut_into_blocks
from ibtrain.models.build import create_network
from ibtrain.models.vgg import vgg


def test_a_vgg_pools_where_the_number_of_channels_changes() -> None:
    model = vgg((3, 12, 8), (4, 4, 6, 6), 5)
    outputs = block_outputs(model, torch.randn(2, 3, 12, 8))
    shapes = {name: tuple(h.shape[1:]) for name, h in outputs.items()}
    assert shapes == {
        "conv1": (4, 12, 8), "conv2": (4, 6, 4), "conv3": (6, 6, 4), "conv4": (6, 3, 2), "output": (5,),
    }  # fmt: skip
    assert [name for name, _ in cut_into_blocks(model).named_children()] == list(shapes)


def test_each_block_normalises_its_own_convolution() -> None:
    model = vgg((3, 8, 8), (4, 6), 5, "linear")
    block = nn.Sequential(*list(model.conv1.children())[:3])  # type: ignore[union-attr,operator]
    h = block(3 + 2 * torch.randn(64, 3, 8, 8, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(h.mean((0, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(h.std((0, 2, 3)), torch.ones(4), atol=1e-3, rtol=0)


def test_a_vgg_by_name() -> None:
    config = ModelConfig(kind="vgg", channels=(16, 16, 32, 32, 64, 64))
    model = create_network(config, (3, 32, 32), 10, seed=0)
    assert len(model) == 7
    convolutions = 9 * (3 * 16 + 16 * 16 + 16 * 32 + 32 * 32 + 32 * 64 + 64 * 64)
    expected = convolutions + 2 * (2 * 16 + 2 * 32 + 2 * 64) + 10 * (64 * 16 + 1)
    assert sum(parameter.numel() for parameter in model.parameters()) == expected


def test_random_layers_of_the_settings_are_in_the_network() -> None:
    config = ModelConfig(kind="vgg", channels=(4, 6), dropout=0.5, noise_std=0.3, input_dropout=0.2)
    model = create_network(config, (3, 8, 8), 5, seed=0)
    ends = [[type(layer).__name__ for layer in list(block)[-2:]] for block in model[:2]]  # type: ignore[arg-type]
    assert ends == [["GaussianNoise", "Dropout"]] * 2
    assert model[0].input_dropout.p == 0.2  # type: ignore[union-attr]
    assert not any(isinstance(layer, nn.Dropout) for layer in model[2].modules())


def test_networks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ModelError, match="images of 4 x 8 pixels, expected at least 8 x 8 pixels"):
        vgg((3, 4, 8), (2, 3, 4), 5)
    with pytest.raises(ModelError, match=r"samples of shape \(7,\), expected images"):
        create_network(ModelConfig(kind="vgg"), (7,), 2, seed=0)
    with pytest.raises(ConfigError, match="channels"):
        vgg((3, 8, 8), (0,), 5)
