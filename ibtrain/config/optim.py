"""How a network, or a block of it, is optimised."""

from dataclasses import dataclass

from ibtrain.checks import check_choice, check_integer, check_number
from ibtrain.config.settings import choice

__all__ = ["ON_NONFINITE", "PRECISIONS", "SCHEDULES", "OptimConfig"]

SCHEDULES = ("constant", "cosine")
ON_NONFINITE = ("stop", "skip")
PRECISIONS = ("float32", "tf32", "bfloat16")


@dataclass(frozen=True)
class OptimConfig:
    """How one network, or one block of it, is optimised (Adam).

    Args:
        learning_rate: Adam's step size at the start.
        schedule: Schedule of the learning rate: ``constant``, or ``cosine`` down to zero over all epochs.
        batch_size: Samples per training step.
        epochs: Passes over the training split, for each block where blocks train one after another.
        patience: Stop after this many epochs without a better validation accuracy and keep the
            best epoch's weights; 0 trains all epochs and holds nothing out.
        on_nonfinite: What NaN or infinity in a loss, a bound or a gradient does: ``stop`` the training at
            the end of the epoch, or ``skip`` the step and count it.
        precision: Precision of a training step's matrix products: ``float32``; ``tf32`` (CUDA), ten bits of mantissa;
            or ``bfloat16``, seven, where the processor has them. Weights, bounds and
            the optimiser stay in float32, and so does everything that is measured.
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
