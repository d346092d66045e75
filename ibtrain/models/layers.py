"""Layers that blocks of all networks are made of, and checks of their sizes."""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from ibtrain.backend.memory import check_memory
from ibtrain.checks import check_integer, check_number, check_share
from ibtrain.config import ACTIVATIONS
from ibtrain.errors import ConfigError, ModelError
from ibtrain.lazy import load_object
from ibtrain.models.noise import GaussianNoise
from ibtrain.text import hint

__all__ = [
    "activation_layer",
    "add_input_dropout",
    "check_weights",
    "check_widths",
    "dropout_layers",
]

BYTES_PER_WEIGHT = 4
"""Size of a float32 weight."""


def activation_layer(name: str) -> nn.Module:
    """Creates an activation module by name.

    Raises:
        ModelError: If the name is unknown.
    """
    if name not in ACTIVATIONS:
        expected = "one of " + ", ".join(ACTIVATIONS) + hint(name, ACTIVATIONS)
        raise ModelError(repr(name), expected, "activation")
    activation: nn.Module = load_object(ACTIVATIONS[name])()
    return activation


def dropout_layers(probability: float, noise_std: float = 0.0) -> list[nn.Module]:
    """Creates the random layers that end a hidden block: noise and then dropout, without those that do nothing.

    Args:
        probability: Probability with which dropout sets an output to zero.
        noise_std: Standard deviation of the noise.

    Raises:
        ConfigError: If the probability is not a number from 0 to 1, or if it is 1, or if the standard deviation is
            negative.
    """
    check_share("dropout", probability, excluded=(1,))
    check_number("noise_std", noise_std, 0)
    noise: list[nn.Module] = [GaussianNoise(noise_std)] if noise_std else []
    return noise + ([nn.Dropout(probability)] if probability else [])


def add_input_dropout(blocks: OrderedDict[str, nn.Module], probability: float) -> None:
    """Lets the first block begin with dropout of its inputs, unless the probability is 0; its weights keep their names.

    Args:
        blocks: The blocks by name, of which the first one is replaced.
        probability: Probability with which an input is set to zero in training.

    Raises:
        ConfigError: If the probability is not a number from 0 to 1, or if it is 1.
    """
    check_share("input_dropout", probability, excluded=(1,))
    if probability:
        name, first = next(iter(blocks.items()))
        layers = [("input_dropout", nn.Dropout(probability)), *first.named_children()]
        blocks[name] = nn.Sequential(OrderedDict(layers))


def check_widths(**widths: int | Sequence[int]) -> None:
    """Checks widths of layers, given by name of the argument that contains them.

    Raises:
        ConfigError: If a width is not a whole number above 0.
    """
    for name, value in widths.items():
        if name in ("hidden", "channels") and not isinstance(value, Sequence):
            raise ConfigError(repr(value), "a list of widths, such as [100, 40]", name)
        for width in value if isinstance(value, Sequence) else [value]:
            check_integer(name, width, 1)


def check_weights(count: int, what: str = "") -> None:
    """Checks that memory can hold a network's weights, before they are created.

    Args:
        count: Number of weights.
        what: Prefix that names the network in error messages.

    Raises:
        ModelError: If the weights, their gradients and Adam's two moments are larger than memory.
    """
    given = f"{what}{count} weights, with gradients and Adam's moments"
    check_memory(4 * BYTES_PER_WEIGHT * count, given, ModelError, "model")
