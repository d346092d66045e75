"""Logs to TensorBoard."""

from pathlib import Path
from typing import Any

from ibtrain.errors import ConfigError
from ibtrain.loggers.base import LogEntry, Logger

__all__ = ["TensorBoardLogger"]


class TensorBoardLogger(Logger):
    """Writes the files that ``tensorboard --logdir DIR`` shows.

    Each training has a folder of its own, such as ``layerwise-seed0``, so that TensorBoard draws methods and seeds as
    lines of one chart. A chart is called after the block and the value: ``hidden1/train_accuracy``,
    ``hidden1/plane/mi_xt``. The step is the number of whole epochs of the block's training.

    Args:
        log_dir: The folder, which is created if necessary.

    Raises:
        ConfigError: If the package tensorboard is not installed.
    """

    def __init__(self, log_dir: str | Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            expected = "that package: pip install 'ibtrain[tensorboard]'"
            raise ConfigError(f"no tensorboard ({error})", expected, "TensorBoardLogger") from error
        self.log_dir = Path(log_dir)
        self._open = SummaryWriter
        self._writers: dict[str, Any] = {}

    def log(self, entry: LogEntry) -> None:
        """Writes all numbers, and flushes them to the disk."""
        name = f"{entry.method}-seed{entry.seed}"
        if name not in self._writers:
            self._writers[name] = self._open(str(self.log_dir / name))
        for tag, value in entry.numbers.items():
            self._writers[name].add_scalar(f"{entry.layer}/{tag}", value, int(entry.epoch))
        # the writer's thread ends with the process, whatever it has not written yet
        self._writers[name].flush()

    def close(self) -> None:
        """Closes the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers = {}
