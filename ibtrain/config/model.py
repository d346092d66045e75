"""Settings of the network."""

from dataclasses import dataclass

from ibtrain.checks import (
    MAX_LAYERS,
    check_choice,
    check_integer,
    check_number,
    check_sequence,
    check_share,
)
from ibtrain.config.settings import check_keywords, choice, convert_fields, named
from ibtrain.errors import ConfigError

__all__ = ["ACTIVATIONS", "CHANNELS", "HIDDEN", "MAX_WIDTH", "MODELS", "ModelConfig"]

MODELS = {
    "mlp": "ibtrain.models.mlp:from_config",
    "conv": "ibtrain.models.conv:from_config",
    "vgg": "ibtrain.models.vgg:from_config",
    "resnet": "ibtrain.models.resnet:from_config",
}
"""Networks by name: functions of a :class:`ModelConfig`, the shape of a sample, and the number of classes."""
ACTIVATIONS = {
    "relu": "torch.nn:ReLU",
    "tanh": "torch.nn:Tanh",
    "sigmoid": "torch.nn:Sigmoid",
    "leaky_relu": "torch.nn:LeakyReLU",
    "elu": "torch.nn:ELU",
    "softplus": "torch.nn:Softplus",
    "softsign": "torch.nn:Softsign",
    "linear": "torch.nn:Identity",
}
"""Activations by name: classes of modules, which are created with their default parameters."""
HIDDEN = {
    "idnns-1": (10, 7, 5, 4, 3),
    "idnns-2": (10, 7, 5, 4),
    "idnns-3": (10, 7, 5),
    "idnns-4": (10, 7),
    "idnns-5": (10,),
    "idnns-6": (1, 1, 1, 1),
    "idnns-11": (10, 7, 7, 4, 3),
}
"""Widths of the hidden layers by name: those of IDNNs' options ``-net 1`` to ``-net 11``."""
CHANNELS = {
    "resnet18": (64, 64, 128, 128, 256, 256, 512, 512),
    "resnet20": (16, 16, 16, 32, 32, 32, 64, 64, 64),
}
"""Numbers of channels by name: those of the residual blocks of He et al. (arXiv 1512.03385)."""
MAX_WIDTH = 1 << 20
"""Maximum number of units of a layer; nothing checks the memory that wider layers would take."""


@check_keywords
@dataclass(frozen=True)
class ModelConfig:
    """Settings of the network.

    Args:
        kind: Type of network: ``mlp``; ``conv``, which has convolutional blocks followed by linear ones; ``vgg``, which has
            convolutional blocks with batch normalisation and a linear output layer, and pools where the number of channels
            changes; or ``resnet``, which has a stem and residual blocks, with stride 2 where the number of channels changes.
        hidden: Widths of the linear hidden layers of ``mlp`` and ``conv``; on the command line also one of IDNNs' networks by name:
            ``idnns-1`` (10,7,5,4,3), ``idnns-2`` (10,7,5,4), ``idnns-3`` (10,7,5), ``idnns-4`` (10,7), ``idnns-5``
            (10), ``idnns-6`` (1,1,1,1) or ``idnns-11`` (10,7,7,4,3).
        channels: Numbers of output channels of the convolutional or residual blocks; on the command line also ``resnet18``
            (64,64,128,128,256,256,512,512) or ``resnet20`` (three times 16, 32 and 64).
        activation: Activation function after each hidden layer.
        dropout: Probability with which dropout sets an output of a hidden block to zero in training; 0 for none.
        noise_std: Standard deviation of the Gaussian noise that is added to the outputs of a hidden block in training, before
            dropout; 0 for none. This noise is a layer of the network, in both methods, as dropout is.
        input_dropout: Probability with which dropout sets an input of the network to zero in training; 0 for none.
    """

    kind: str = choice("mlp", MODELS)
    hidden: tuple[int, ...] = named((500, 256), HIDDEN)
    channels: tuple[int, ...] = named((32, 64), CHANNELS)
    activation: str = choice("relu", ACTIVATIONS)
    dropout: float = 0.0
    noise_std: float = 0.0
    input_dropout: float = 0.0

    def __post_init__(self) -> None:
        convert_fields(self)
        check_choice("model", self.kind, tuple(MODELS))
        check_choice("activation", self.activation, tuple(ACTIVATIONS))
        check_share("dropout", self.dropout, excluded=(1,))
        check_number("model noise_std", self.noise_std, 0)
        check_share("input_dropout", self.input_dropout, excluded=(1,))
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
