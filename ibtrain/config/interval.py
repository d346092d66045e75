"""How often a run saves a checkpoint."""

import re
from dataclasses import dataclass

from ibtrain.errors import ConfigError

__all__ = ["CHECKPOINT_EVERY", "CheckpointInterval"]

CHECKPOINT_EVERY = "1m"
"""Between two checkpoints of a run, unless told otherwise."""

_SECONDS = {"s": 1, "m": 60, "h": 3600}
_FORM = re.compile(r"([1-9][0-9]{0,8})([smh]?)")


@dataclass(frozen=True)
class CheckpointInterval:
    """Time or number of epochs between two checkpoints.

    Args:
        epochs: Number of epochs; 0 if seconds count.
        seconds: Number of seconds; 0 if epochs count.
    """

    epochs: int = 0
    seconds: int = 0

    @classmethod
    def parse(cls, text: str, where: str) -> "CheckpointInterval":
        """``5`` is every five epochs, ``30s``, ``10m`` and ``1h`` are by the clock.

        Raises:
            ConfigError: If the text is neither.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise ConfigError(repr(text), "epochs, such as 5, or a time, such as 30s or 10m", where)
        count, unit = int(found[1]), found[2]
        return cls(seconds=count * _SECONDS[unit]) if unit else cls(epochs=count)

    def is_over(self, epochs: int, seconds: float) -> bool:
        """Whether the next checkpoint is due.

        Args:
            epochs: Epochs since the last checkpoint.
            seconds: Seconds since then.
        """
        return epochs >= self.epochs if self.epochs else seconds >= self.seconds
