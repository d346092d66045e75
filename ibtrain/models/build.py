"""Creates the network of a run from its settings."""

from collections.abc import Callable

from torch import nn

from ibtrain.backend.seeding import seeded
from ibtrain.config import MODELS, ModelConfig
from ibtrain.data.dataset import Dataset
from ibtrain.lazy import load_object

__all__ = ["build_model", "create_network"]

Factory = Callable[[ModelConfig, tuple[int, ...], int], nn.Sequential]


def build_model(config: ModelConfig, data: Dataset, seed: int) -> nn.Sequential:
    """Creates a network for a data set, on its device; a seed gives the same weights on every device.

    Args:
        config: The settings of the network.
        data: The data set, for the shape of a sample and the number of classes.
        seed: Seeds the weights.

    Raises:
        ModelError: If the network can't process samples of this shape.
    """
    x = data.train.x
    return create_network(config, tuple(x.shape[1:]), data.num_classes, seed).to(x.device)


def create_network(
    config: ModelConfig, sample_shape: tuple[int, ...], num_classes: int, seed: int
) -> nn.Sequential:
    """Creates a network on the CPU.

    Args:
        config: The settings of the network.
        sample_shape: Shape of a sample.
        num_classes: Number of classes.
        seed: Seeds the weights.

    Raises:
        ModelError: If the network can't process samples of this shape.
    """
    create: Factory = load_object(MODELS[config.kind])
    with seeded(seed, "model"):
        return create(config, sample_shape, num_classes)
