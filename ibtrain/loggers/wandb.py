"""Logs to Weights & Biases, trackio, or anything with their interface."""

from typing import Any

from ibtrain.errors import ConfigError
from ibtrain.loggers.base import LogEntry, Logger

__all__ = ["WandbLogger"]


class WandbLogger(Logger):
    """Calls ``run.log(values, step=step)``, as wandb and trackio have it.

    A value is called after its training, its block and its name: ``layerwise/seed0/hidden1/train_accuracy``. These
    services want steps that never decrease: the step counts the epochs of all blocks one after another, and the epoch
    of the block is logged as ``layerwise/seed0/hidden1/epoch``.

    Args:
        run: The module, after its ``init(...)``, or the run that this returned; or any object with such a ``log``.

    Raises:
        ConfigError: If it has no method ``log``.

    Example:
        >>> class PrintingRun:
        ...     def log(self, values, step):
        ...         print(step, values)
        >>> logger = WandbLogger(PrintingRun())
        >>> logger.log(LogEntry("layerwise", 0, "hidden1", 1, {"train_accuracy": 0.5}, {}))
        1 {'layerwise/seed0/hidden1/epoch': 1, 'layerwise/seed0/hidden1/train_accuracy': 0.5}
    """

    def __init__(self, run: Any) -> None:
        if not callable(getattr(run, "log", None)):
            expected = "an object with a method log(values, step=...), such as wandb.init(...)"
            raise ConfigError(f"a {type(run).__name__}", expected, "WandbLogger")
        self.run = run
        self._epoch = 0
        self._earlier_epochs = 0

    def log(self, entry: LogEntry) -> None:
        """Passes all numbers on."""
        epoch = int(entry.epoch)
        if epoch < self._epoch:
            # another block, or another training, has begun
            self._earlier_epochs += self._epoch
        self._epoch = epoch
        place = f"{entry.method}/seed{entry.seed}/{entry.layer}"
        values = {
            f"{place}/{name}": value
            for name, value in {"epoch": entry.epoch, **entry.numbers}.items()
        }
        self.run.log(values, step=self._earlier_epochs + epoch)
