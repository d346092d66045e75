"""From a model's settings and a data set to a freshly initialised network."""

from torch import nn

from ibtrain.backend.seeding import seeded
from ibtrain.config import ModelConfig
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ModelError
from ibtrain.models.conv import conv_net
from ibtrain.models.mlp import mlp

__all__ = ["build_model"]


def build_model(config: ModelConfig, data: Dataset, seed: int) -> nn.Sequential:
    """A network for a data set, on its device; the same seed gives the same weights everywhere.

    Raises:
        ModelError: The network can't read such data.
    """
    shape = tuple(data.train.x.shape[1:])
    with seeded(seed, "model"):
        if config.kind == "mlp":
            model = mlp(data.dim_x, config.hidden, data.num_classes, config.activation)
        elif len(shape) == 3:
            model = conv_net(
                shape, config.channels, config.hidden, data.num_classes, config.activation
            )
        else:
            raise ModelError(
                f"samples of shape {shape}", "images (channels, height, width)", "model"
            )
    return model.to(data.train.x.device)
