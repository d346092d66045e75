"""Optimiser settings of a network, or of a block."""

from dataclasses import dataclass

from ibtrain.checks import check_choice, check_integer, check_number, check_share
from ibtrain.config.settings import check_keywords, choice, convert_fields, named
from ibtrain.errors import ConfigError

__all__ = ["ON_NONFINITE", "OPTIMIZERS", "PRECISIONS", "SCHEDULES", "OptimConfig"]

OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD"}
"""Optimisers, with their names in messages."""
FULL = 0
"""Batch size that stands for all training samples."""

SCHEDULES = ("constant", "cosine")
ON_NONFINITE = ("stop", "skip")
PRECISIONS = ("float32", "tf32", "bfloat16")


@check_keywords
@dataclass(frozen=True)
class OptimConfig:
    """Optimiser settings of a network, or of a block.

    Args:
        learning_rate: Initial learning rate; the defaults were chosen for Adam.
        schedule: Schedule of the learning rate: ``constant``, or ``cosine`` down to zero over all epochs.
        batch_size: Samples per training step; 0 (``full`` on the command line) takes all of them.
        epochs: Number of passes over the training split; for each block if blocks train one after another.
        patience: Number of epochs without a better validation accuracy after which training stops and keeps
            the best epoch's weights; 0 trains all epochs and holds nothing out.
        on_nonfinite: Reaction to NaN or infinity in a loss, a bound or a gradient: ``stop`` the training at
            the end of the epoch, or ``skip`` the step and count it.
        precision: Precision of matrix products in training steps: ``float32``; ``tf32`` (CUDA only), with 10 bits of
            mantissa; or ``bfloat16``, with 7 bits, if the processor supports it. Weights, bounds, the
            optimiser and all measurements use float32.
        optimizer: Optimiser of networks, blocks and critics: ``adam``, ``adamw`` (Adam with decoupled weight decay) or
            ``sgd``.
        momentum: Momentum of ``sgd``.
        weight_decay: Weight decay of all parameters of the network or block, biases among them, but not of the critics.
    """

    learning_rate: float = 2e-3
    schedule: str = choice("cosine", SCHEDULES)
    batch_size: int = named(128, {"full": FULL})
    epochs: int = 10
    patience: int = 0
    on_nonfinite: str = choice("stop", ON_NONFINITE)
    precision: str = choice("float32", PRECISIONS)
    optimizer: str = choice("adam", OPTIMIZERS)
    momentum: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        convert_fields(self)
        check_number("learning_rate", self.learning_rate, above=0)
        check_choice("schedule", self.schedule, SCHEDULES)
        # 0.0 and False are equal to 0
        if type(self.batch_size) is not int or self.batch_size != FULL:
            check_integer("batch_size", self.batch_size, 2)
        check_integer("epochs", self.epochs, 1)
        check_integer("patience", self.patience, 0)
        check_choice("on_nonfinite", self.on_nonfinite, ON_NONFINITE)
        check_choice("precision", self.precision, PRECISIONS)
        check_choice("optimizer", self.optimizer, tuple(OPTIMIZERS))
        check_share("momentum", self.momentum, excluded=(1,))
        if self.momentum and self.optimizer != "sgd":
            raise ConfigError(f"{self.momentum} with {self.optimizer}", "sgd", "momentum")
        check_number("weight_decay", self.weight_decay, 0)

    def samples_per_step(self, count: int) -> int:
        """Number of samples per training step, of ``count`` training samples."""
        return count if self.batch_size == FULL else min(self.batch_size, count)
