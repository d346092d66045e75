"""Cutting networks into blocks."""

from collections import OrderedDict

import pytest
import torch
from torch import nn

from ibtrain.errors import ModelError
from ibtrain.models.blocks import block_outputs, cut_into_blocks
from ibtrain.models.conv import conv_net
from ibtrain.models.mlp import mlp


def test_a_block_starts_at_every_weight_matrix() -> None:
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 2)
    )
    blocks = cut_into_blocks(model).eval()
    model.eval()
    x = torch.randn(5, 2, 2)
    assert [name for name, _ in blocks.named_children()] == ["layer1", "layer5"]
    torch.testing.assert_close(blocks(x), model(x))


def test_cutting_twice_changes_nothing() -> None:
    model = mlp(4, (8, 6), 3)
    names = ["hidden1", "hidden2", "output"]
    assert [name for name, _ in cut_into_blocks(model).named_children()] == names
    assert [name for name, _ in cut_into_blocks(cut_into_blocks(model)).named_children()] == names


def test_a_mapping_names_the_blocks() -> None:
    parts = {"encoder": nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8)), "head": nn.Linear(8, 2)}
    blocks = cut_into_blocks(parts)
    outputs = block_outputs(blocks, torch.randn(3, 4))
    assert list(outputs) == ["encoder", "head"]
    assert outputs["head"].shape == (3, 2)


@pytest.mark.parametrize("model", [nn.Sequential(nn.ReLU()), nn.LSTM(3, 3)])
def test_what_has_no_blocks_is_refused(model: nn.Module) -> None:
    with pytest.raises(ModelError, match="model: got"):
        cut_into_blocks(model)


def test_conv_net_maps_images_to_scores() -> None:
    model = conv_net((3, 12, 8), (4, 6), (10,), 5, "tanh")
    assert [name for name, _ in model.named_children()] == ["conv1", "conv2", "hidden1", "output"]
    assert model(torch.randn(2, 3, 12, 8)).shape == (2, 5)
    assert conv_net((1, 8, 8), (4,), (), 5)(torch.randn(2, 1, 8, 8)).shape == (2, 5)


def test_too_many_poolings_are_refused() -> None:
    with pytest.raises(ModelError, match="images of 4 x 4 pixels, expected at least 8 x 8"):
        conv_net((1, 4, 4), (2, 2, 2), (), 3)


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(ModelError, match="'swish', expected one of relu"):
        mlp(4, (3,), 2, "swish")


def test_one_activation_may_serve_many_layers() -> None:
    act = nn.ReLU()
    model = nn.Sequential(nn.Linear(4, 5), act, nn.Linear(5, 5), act, nn.Linear(5, 2))
    x = torch.randn(6, 4)
    torch.testing.assert_close(cut_into_blocks(model)(x), model(x))


def test_blocks_that_share_weights_are_refused() -> None:
    shared = nn.Linear(4, 4)
    with pytest.raises(ModelError, match="layer 1 twice"):
        cut_into_blocks(nn.Sequential(shared, shared))


def test_a_name_that_no_table_can_show_is_refused() -> None:
    for model in (
        {"x" * 1001: nn.Linear(2, 2)},
        nn.Sequential(OrderedDict({"x" * 1001: nn.Linear(2, 2)})),
    ):
        with pytest.raises(ModelError, match="a block's name of 1001 characters, expected at most"):
            cut_into_blocks(model)
