"""Optimiser settings of a network, or of a block."""

from dataclasses import dataclass

from ibtrain.checks import check_choice, check_integer, check_number
from ibtrain.config.settings import choice

__all__ = ["ON_NONFINITE", "PRECISIONS", "SCHEDULES", "OptimConfig"]

SCHEDULES = ("constant", "cosine")
ON_NONFINITE = ("stop", "skip")
PRECISIONS = ("float32", "tf32", "bfloat16")


@dataclass(frozen=True)
class OptimConfig:
    """Optimiser settings (Adam) of a network, or of a block.

    Args:
        learning_rate: Initial learning rate of Adam.
        schedule: Schedule of the learning rate: ``constant``, or ``cosine`` down to zero over all epochs.
        batch_size: Samples per training step.
        epochs: Number of passes over the training split; for each block if blocks train one after another.
        patience: Number of epochs without a better validation accuracy after which training stops and keeps
            the best epoch's weights; 0 trains all epochs and holds nothing out.
        on_nonfinite: Reaction to NaN or infinity in a loss, a bound or a gradient: ``stop`` the training at
            the end of the epoch, or ``skip`` the step and count it.
        precision: Precision of matrix products in training steps: ``float32``; ``tf32`` (CUDA only), with 10 bits of
            mantissa; or ``bfloat16``, with 7 bits, if the processor supports it. Weights, bounds, the
            optimiser and all measurements use float32.
    """

    learning_rate: float = 2e-3
    schedule: str = choice("cosine", SCHEDULES)
    batch_size: int = 128
    epochs: int = 10
    patience: int = 0
    on_nonfinite: str = choice("stop", ON_NONFINITE)
    precision: str = choice("float32", PRECISIONS)

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate, above=0)
        check_choice("schedule", self.schedule, SCHEDULES)
        check_integer("batch_size", self.batch_size, 2)
        check_integer("epochs", self.epochs, 1)
        check_integer("patience", self.patience, 0)
        check_choice("on_nonfinite", self.on_nonfinite, ON_NONFINITE)
        check_choice("precision", self.precision, PRECISIONS)
