"""Residual networks."""

from pathlib import Path

import pytest
import torch
from torch import nn

from ibtrain.config import CHANNELS, ModelConfig, OptimConfig
from ibtrain.data.dataset import Dataset, Split
from ibtrain.errors import ConfigError, ModelError
from ibtrain.models.blocks import block_outputs, cut_into_blocks
from ibtrain.models.build import create_network
from ibtrain.models.resnet import ResidualBlock, resnet
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.stored import load_network


def test_a_residual_block_halves_the_sides_where_the_width_changes() -> None:
    model = resnet(3, (4, 4, 6, 6), 5)
    outputs = block_outputs(model, torch.randn(2, 3, 12, 9))
    shapes = {name: tuple(h.shape[1:]) for name, h in outputs.items()}
    assert shapes == {
        "stem": (4, 12, 9), "res1": (4, 12, 9), "res2": (4, 12, 9), "res3": (6, 6, 5), "res4": (6, 6, 5),
        "output": (5,),
    }  # fmt: skip
    assert [name for name, _ in cut_into_blocks(model).named_children()] == list(shapes)


@pytest.mark.parametrize(
    ("channels_in", "channels_out", "stride"), [(4, 4, 1), (4, 6, 2), (4, 6, 1)]
)
def test_a_residual_block_is_that_of_torchvision(
    channels_in: int, channels_out: int, stride: int
) -> None:
    basic_block = pytest.importorskip("torchvision.models.resnet").BasicBlock
    torch.manual_seed(0)
    block = ResidualBlock(channels_in, channels_out, stride)
    shortcut = block.shortcut if isinstance(block.shortcut, nn.Sequential) else None
    other = basic_block(channels_in, channels_out, stride, downsample=shortcut)
    for name, index in {"conv1": 0, "bn1": 1, "conv2": 3, "bn2": 4}.items():
        getattr(other, name).load_state_dict(block.residual[index].state_dict())
    x = torch.randn(8, channels_in, 6, 6)
    torch.testing.assert_close(block(x), other(x))
    torch.testing.assert_close(block.eval()(x), other.eval()(x))


def test_resnet18_has_the_weights_of_torchvisions() -> None:
    torchvision = pytest.importorskip("torchvision")
    model = resnet(3, CHANNELS["resnet18"], 10)
    expected = torchvision.models.resnet18(num_classes=10)
    # ours has a 3 x 3 convolution in its stem, for small images, and torchvision's 7 x 7
    difference = (7 * 7 - 3 * 3) * 3 * 64
    count, other = (sum(p.numel() for p in m.parameters()) for m in (model, expected))
    assert count == other - difference


def test_random_layers_of_the_settings_are_in_the_network() -> None:
    config = ModelConfig(
        kind="resnet", channels=(4, 6), dropout=0.5, noise_std=0.3, input_dropout=0.2
    )
    model = create_network(config, (3, 8, 8), 5, seed=0)
    ends = [[type(layer).__name__ for layer in list(block)[-2:]] for block in model[:3]]  # type: ignore[arg-type]
    assert ends == [["GaussianNoise", "Dropout"]] * 3
    assert model[0].input_dropout.p == 0.2  # type: ignore[union-attr]
    assert not any(isinstance(layer, nn.Dropout) for layer in model[3].modules())


def test_a_resnet_trains_block_by_block_and_is_saved(tmp_path: Path) -> None:
    x = torch.randn(64, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    split = Split(x, (x.mean((1, 2, 3)) > 0).long())
    config = ModelConfig(kind="resnet", channels=(4, 6))
    model = create_network(config, (1, 8, 8), 2, seed=0)
    optim = OptimConfig(
        epochs=8, batch_size=16, learning_rate=1e-2, schedule="constant", augment=("flip",)
    )
    result = LayerwiseTrainer(model, optim=optim).fit(Dataset("toy", split, split, 2))
    stages = list(dict.fromkeys(record.stage for record in result.history))
    assert stages == ["stem", "res1", "res2", "output"]
    assert result.accuracies["train"] > 0.8
    result.save(tmp_path / "network.pt")
    loaded = load_network(tmp_path / "network.pt")
    assert (loaded.predict(x) == result.predict(x)).all()


def test_networks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ModelError, match=r"samples of shape \(7,\), expected images"):
        create_network(ModelConfig(kind="resnet"), (7,), 2, seed=0)
    with pytest.raises(ConfigError, match="channels"):
        resnet(3, (0,), 5)
