"""Networks are divided into blocks."""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jaxtyping
import pytest
import torch
from torch import Tensor, nn

from ibtrain.config import ACTIVATIONS
from ibtrain.errors import ConfigError, ModelError
from ibtrain.models.blocks import block_outputs, check_output_block, cut_into_blocks
from ibtrain.models.conv import conv_net
from ibtrain.models.layers import activation_layer
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
    modules = {"encoder": nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8)), "head": nn.Linear(8, 2)}
    blocks = cut_into_blocks(modules)
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


FORMULAS: dict[str, Callable[[float], float]] = {
    "linear": lambda x: x,
    "relu": lambda x: max(x, 0.0),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "elu": lambda x: x if x > 0 else math.exp(x) - 1,
    "softplus": lambda x: math.log1p(math.exp(x)),
    "softsign": lambda x: x / (1 + abs(x)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_follow_their_formulas(name: str) -> None:
    x = [-2.0, -0.5, 0.0, 1.5]
    values = activation_layer(name)(torch.tensor(x, dtype=torch.float64)).tolist()
    assert values == pytest.approx([FORMULAS[name](number) for number in x])


def test_one_activation_may_serve_many_layers() -> None:
    relu = nn.ReLU()
    model = nn.Sequential(nn.Linear(4, 5), relu, nn.Linear(5, 5), relu, nn.Linear(5, 2))
    x = torch.randn(6, 4)
    torch.testing.assert_close(cut_into_blocks(model)(x), model(x))


class Head(nn.Module):
    """A linear layer followed by a function of its scores."""

    def __init__(self, end: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.end = end

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.linear(x))


def tied(weight: Callable[[nn.Linear], nn.Parameter]) -> dict[str, nn.Module]:
    """Two blocks; a layer nested two levels deep in the second takes its weight from the first."""
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.weight = weight(first)
    return {"first": first, "second": nn.Sequential(nn.ReLU(), nn.Sequential(second))}


def sliced(start: int) -> dict[str, nn.Module]:
    """Two blocks whose weights are slices of one tensor."""
    memory = torch.zeros(8, 4)
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    first.weight, second.weight = (nn.Parameter(memory[i : i + 4]) for i in (start, 0))
    return {"first": first, "second": second}


def with_shared_norm() -> nn.Sequential:
    norm = nn.BatchNorm1d(4, affine=False)
    return nn.Sequential(nn.Linear(4, 4), norm, nn.Linear(4, 4), norm)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (nn.Sequential(*[nn.Linear(4, 4)] * 2), ("layer0", "layer1")),
        (dict.fromkeys(("a", "b"), nn.Linear(4, 4)), ("a", "b")),
        (tied(lambda linear: linear.weight), ("first", "second")),
        (tied(lambda linear: nn.Parameter(linear.weight.t())), ("first", "second")),
        (with_shared_norm(), ("layer0", "layer2")),
        (sliced(3), ("first", "second")),
    ],
)
def test_blocks_that_share_weights_or_buffers_are_refused(
    model: nn.Module | dict[str, nn.Module], names: tuple[str, str]
) -> None:
    message = f"model: got parameters or buffers that block {names[0]} and block {names[1]} share"
    with pytest.raises(ModelError, match=message):
        cut_into_blocks(model)


def test_weights_may_be_slices_that_do_not_overlap() -> None:
    assert len(cut_into_blocks(sliced(4))) == 2


def test_weights_may_be_shared_within_a_block() -> None:
    shared = nn.Linear(4, 4)
    blocks = cut_into_blocks({"a": nn.Sequential(shared, shared), "b": nn.Linear(4, 2)})
    assert list(block_outputs(blocks, torch.randn(3, 4))) == ["a", "b"]


def test_layers_whose_block_names_collide_are_all_kept() -> None:
    layers = {"layer0": nn.Linear(4, 5), "0": nn.Linear(5, 6), "layer0_": nn.Linear(6, 2)}
    model = nn.Sequential(OrderedDict(layers))
    blocks = cut_into_blocks(model)
    assert [name for name, _ in blocks.named_children()] == ["layer0", "layer0__", "layer0_"]
    x = torch.randn(3, 4)
    torch.testing.assert_close(blocks(x), model(x))


@pytest.fixture
def without_type_checks() -> Iterator[None]:
    """Disables type checks, as for users, who may pass values that the annotations forbid."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("without_type_checks")
def test_whole_numbers_name_blocks() -> None:
    blocks = cut_into_blocks({0: nn.Linear(4, 3), 1: nn.Linear(3, 2)})  # type: ignore[dict-item]
    assert list(block_outputs(blocks, torch.randn(3, 4))) == ["0", "1"]


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"a.b": nn.Linear(4, 2)}, r"got a block named 'a\.b', expected a name without a dot"),
        ({"": nn.Linear(4, 2)}, "got a block named ''"),
        ({"forward": nn.Linear(4, 2)}, "got a block named 'forward'"),
        ({1: nn.Linear(4, 4), "1": nn.Linear(4, 2)}, "got a block named '1'"),
        ({"a": "linear"}, "block a: got an object of type str, expected an nn.Module"),
        ({}, "got no layer with weights"),
        ({"a": nn.ReLU()}, "got no layer with weights"),
        (nn.Sequential(nn.Linear(4, 4), nn.LazyLinear(2)), "got layer 1 with lazy weights"),
    ],
)
def test_a_mapping_that_names_no_blocks_is_refused(model: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        cut_into_blocks(model)


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        (nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1)), "Softmax"),
        (nn.Sequential(nn.Linear(4, 3), nn.Sequential(nn.LogSoftmax(dim=1))), "LogSoftmax"),
        (nn.Sequential(nn.Linear(4, 3), nn.Sigmoid()), "Sigmoid"),
        (Head(partial(torch.softmax, dim=1)), "a softmax or log-softmax"),
        (Head(partial(torch.log_softmax, dim=1)), "a softmax or log-softmax"),
    ],
)
def test_an_output_that_is_no_score_is_refused(last: nn.Module, kind: str) -> None:
    blocks = cut_into_blocks({"hidden": nn.Linear(4, 4), "output": last})
    message = f"an output block that ends with {kind}, expected unnormalised class scores: remove"
    with pytest.raises(ModelError, match=message):
        check_output_block(blocks, torch.randn(6, 4), 3)


def test_other_ends_of_an_output_block_are_scores() -> None:
    torch.manual_seed(0)
    for end in (torch.relu, torch.tanh, torch.zeros_like):
        check_output_block(cut_into_blocks({"output": Head(end)}), torch.randn(6, 4), 3)


def test_a_softmax_is_found_behind_samples_that_are_copies() -> None:
    x = torch.randn(6, 4)
    x[1:4] = x[0]
    blocks = cut_into_blocks({"output": Head(lambda scores: scores.softmax(dim=1))})
    with pytest.raises(ModelError, match="a softmax or log-softmax"):
        check_output_block(blocks, x, 3)


def test_an_output_layer_may_begin_as_the_prior() -> None:
    output = nn.Linear(4, 3)
    nn.init.zeros_(output.weight)
    output.bias.data = torch.tensor([0.2, 0.3, 0.5]).log()
    check_output_block(cut_into_blocks({"output": output}), torch.randn(6, 4), 3)


def test_a_block_that_changes_its_input_is_refused() -> None:
    x = torch.randn(6, 4)
    before = x.clone()
    model = {"a": nn.Linear(4, 4), "b": nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 3))}
    with pytest.raises(ModelError, match="block b: got a module that changes its input in place"):
        check_output_block(cut_into_blocks(model), x, 3)
    with pytest.raises(ModelError, match="block layer1: got a module that changes its input"):
        check_output_block(cut_into_blocks(model["b"]), x, 3)
    assert torch.equal(x, before)


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mlp(4, (0,), 3), "hidden: got 0, expected a whole number of 1 or more"),
        (lambda: mlp(4, (4e12,), 3), "hidden: got 4000000000000.0, expected a whole number"),
        (lambda: mlp(4, (5,), 0), "num_classes: got 0"),
        (lambda: conv_net((1, 8, 8), (-2,), (5,), 3), "channels: got -2"),
    ],
)
def test_widths_that_no_layer_has_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_weights_that_can_not_be_trained_are_refused() -> None:
    with torch.inference_mode():
        model = mlp(4, (3,), 2)
    with pytest.raises(ModelError, match=r"weights of block hidden1 that were made in torch.infer"):
        cut_into_blocks(model)


def test_a_name_that_no_table_can_show_is_refused() -> None:
    for model in (
        {"x" * 1001: nn.Linear(2, 2)},
        nn.Sequential(OrderedDict({"x" * 1001: nn.Linear(2, 2)})),
    ):
        with pytest.raises(ModelError, match="a block's name of 1001 characters, expected at most"):
            cut_into_blocks(model)
