"""How often something is done: by epochs, or by the clock."""

import re
from dataclasses import dataclass

from ibtrain.errors import ConfigError

__all__ = ["CHECKPOINT_EVERY", "Interval"]

CHECKPOINT_EVERY = "1m"
"""Between two checkpoints of a run, unless told otherwise."""

_SECONDS = {"s": 1, "m": 60, "h": 3600}
_FORM = re.compile(r"([1-9][0-9]{0,8})([smh]?)")


@dataclass(frozen=True)
class Interval:
    """Every so many epochs, or every so many seconds.

    Args:
        epochs: How many; 0 where the clock counts.
        seconds: How many; 0 where epochs count.
    """

    epochs: int = 0
    seconds: int = 0

    @classmethod
    def parse(cls, text: str, where: str) -> "Interval":
        """``5`` is every five epochs, ``30s``, ``10m`` and ``1h`` are by the clock.

        Raises:
            ConfigError: It is neither.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise ConfigError(repr(text), "epochs, such as 5, or a time, such as 30s or 10m", where)
        count, unit = int(found[1]), found[2]
        return cls(seconds=count * _SECONDS[unit]) if unit else cls(epochs=count)

    def is_over(self, epochs: int, seconds: float) -> bool:
        """Whether so much is enough.

        Args:
            epochs: Done since the last time.
            seconds: Gone since then.
        """
        return epochs >= self.epochs if self.epochs else seconds >= self.seconds
