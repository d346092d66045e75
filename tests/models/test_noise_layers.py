"""Noise and dropout in networks, and the random layers at the end of a block."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from ibtrain.backend.random_layers import is_random_layer
from ibtrain.config import ModelConfig
from ibtrain.errors import ConfigError
from ibtrain.models.blocks import cut_into_blocks
from ibtrain.models.conv import conv_net
from ibtrain.models.mlp import mlp
from ibtrain.models.noise import GaussianNoise, split_random_end


@pytest.mark.parametrize(
    "make", [partial(mlp, 12, (8, 6), 3), partial(conv_net, (3, 4, 4), (5,), (6,), 3)]
)
def test_noise_and_then_dropout_end_every_hidden_block(make: Callable[..., nn.Sequential]) -> None:
    plain, model = make(), make(dropout=0.5, noise_std=0.3, input_dropout=0.2)
    assert not any(is_random_layer(module) for module in plain.modules())
    blocks = cut_into_blocks(model)
    assert [name for name, _ in blocks.named_children()] == [n for n, _ in plain.named_children()]
    for index, (name, block) in enumerate(blocks.named_children()):
        _, end = split_random_end(block)
        kinds = [] if name == "output" else [GaussianNoise, nn.Dropout]
        assert [type(module) for module in end] == kinds
        first = next(block.children())
        starts_with_dropout = isinstance(first, nn.Dropout) and first.p == 0.2
        assert starts_with_dropout == (index == 0)
        assert sum(map(is_random_layer, block.modules())) == len(kinds) + (index == 0)
    # the weights have the same names, and evaluation has neither noise nor dropout
    model.load_state_dict(plain.state_dict())
    x = torch.randn(3, 3, 4, 4) if "conv1" in dict(blocks.named_children()) else torch.randn(3, 12)
    assert torch.equal(model.eval()(x), plain.eval()(x))
    assert not torch.equal(model.train()(x), plain(x))


def test_a_network_without_convolutions_drops_its_inputs_too() -> None:
    model = conv_net((3, 4, 4), [], [6], 3, input_dropout=0.2)
    assert isinstance(next(model[0].children()), nn.Dropout)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"noise_std": -1.0}, "noise_std: got -1.0, expected a finite number of 0 or more"),
        (
            {"input_dropout": 1.0},
            "input_dropout: got 1.0, expected a number from 0 to 1, but not 1",
        ),
    ],
)
def test_noise_and_dropout_out_of_range_are_refused(
    settings: dict[str, float], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        mlp(4, [3], 2, **settings)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=message):
        ModelConfig(**settings)  # type: ignore[arg-type]


class Doubling(nn.Sequential):
    """A sequence with a forward of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.Dropout(), GaussianNoise(1.0)), 2),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout1d(), nn.Flatten())), 2),
        (lambda: nn.Sequential(nn.Dropout(), nn.Linear(2, 2), nn.Flatten()), 0),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.ReLU()), 0),
        (lambda: nn.Sequential(nn.Linear(2, 2), Doubling(nn.Dropout())), 0),
        (lambda: nn.Linear(2, 2), 0),
        # torch's random leaky ReLU is no identity in evaluation
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.RReLU()), 0),
    ],
)
def test_the_random_end_of_a_block(make: Callable[[], nn.Module], count: int) -> None:
    block = make().eval()
    before, end = split_random_end(block)
    assert len(end) == count
    x = torch.randn(3, 2)
    assert torch.equal(end(before(x)), block(x))


def test_noise_has_its_standard_deviation_and_is_off_in_evaluation() -> None:
    torch.manual_seed(0)
    layer, h = GaussianNoise(0.3), torch.ones(200, 100)
    noise = layer(h) - h
    assert noise.std().item() == pytest.approx(0.3, abs=5 * 0.3 / (2 * 20_000) ** 0.5)
    assert noise.mean().item() == pytest.approx(0, abs=5 * 0.3 / 20_000**0.5)
    assert torch.equal(layer.eval()(h), h)
    assert repr(layer) == "GaussianNoise(std=0.3)"
