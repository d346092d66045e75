"""Interval at which a run saves checkpoints."""

import re
from dataclasses import dataclass

from ibtrain.errors import ConfigError

__all__ = ["CHECKPOINT_EVERY", "CheckpointInterval"]

CHECKPOINT_EVERY = "1m"
"""Default interval between two checkpoints of a run."""

_SECONDS_PER_UNIT = {"s": 1, "m": 60, "h": 3600}
_PATTERN = re.compile(r"([1-9][0-9]{0,8})([smh]?)")


@dataclass(frozen=True)
class CheckpointInterval:
    """Time or number of epochs between two checkpoints.

    Args:
        epochs: Number of epochs; 0 if the interval is a time.
        seconds: Number of seconds; 0 if the interval is a number of epochs.
    """

    epochs: int = 0
    seconds: int = 0

    @classmethod
    def parse(cls, text: str, where: str) -> "CheckpointInterval":
        """Parses an interval: ``5`` means five epochs; ``30s``, ``10m`` and ``1h`` are times.

        Raises:
            ConfigError: If the text is not an interval.
        """
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise ConfigError(repr(text), "epochs, such as 5, or a time, such as 30s or 10m", where)
        count, unit = int(match[1]), match[2]
        return cls(seconds=count * _SECONDS_PER_UNIT[unit]) if unit else cls(epochs=count)

    def is_over(self, epochs: int, seconds: float) -> bool:
        """Whether the next checkpoint is due.

        Args:
            epochs: Number of epochs since the last checkpoint.
            seconds: Number of seconds since the last checkpoint.
        """
        return epochs >= self.epochs if self.epochs else seconds >= self.seconds
