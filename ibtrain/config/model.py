"""Settings of the network."""

from dataclasses import dataclass

from ibtrain.checks import MAX_LAYERS, check_choice, check_integer, check_sequence
from ibtrain.config.settings import choice
from ibtrain.errors import ConfigError

__all__ = ["ACTIVATIONS", "MAX_WIDTH", "MODELS", "ModelConfig"]

MODELS = {
    "mlp": "ibtrain.models.mlp:from_config",
    "conv": "ibtrain.models.conv:from_config",
}
"""Networks by name: functions of a :class:`ModelConfig`, the shape of a sample, and the number of classes."""
ACTIVATIONS = ("relu", "tanh", "sigmoid", "leaky_relu")
MAX_WIDTH = 1 << 20
"""Maximum number of units of a layer; nothing checks the memory that wider layers would take."""


@dataclass(frozen=True)
class ModelConfig:
    """Settings of the network.

    Args:
        kind: Type of network: ``mlp``, or ``conv``, which has convolutional blocks followed by linear ones.
        hidden: Widths of the linear hidden layers.
        channels: Numbers of output channels of the convolutional blocks.
        activation: Activation function after each hidden layer.
    """

    kind: str = choice("mlp", MODELS)
    hidden: tuple[int, ...] = (500, 256)
    channels: tuple[int, ...] = (32, 64)
    activation: str = choice("relu", ACTIVATIONS)

    def __post_init__(self) -> None:
        check_choice("model", self.kind, tuple(MODELS))
        check_choice("activation", self.activation, ACTIVATIONS)
        for name in ("hidden", "channels"):
            check_sequence(name, getattr(self, name))
        layers = len(self.hidden) + len(self.channels)
        if layers > MAX_LAYERS:
            raise ConfigError(f"{layers} layers", f"at most {MAX_LAYERS}", "hidden and channels")
        for name in ("hidden", "channels"):
            for width in getattr(self, name):
                check_integer(name, width, 1, MAX_WIDTH)
        if not self.hidden and self.kind == "mlp":
            raise ConfigError("nothing", "at least one hidden width", "hidden")
