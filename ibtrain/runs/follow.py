"""What the processes of torchrun do besides the first one: they help to train, and write nothing."""

import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from ibtrain.backend.distributed import wait_for_first
from ibtrain.config import RunConfig
from ibtrain.errors import IBTrainWarning
from ibtrain.runs.execution import Run
from ibtrain.runs.setup import RunSetup

__all__ = ["follow"]


def follow(config: RunConfig) -> None:
    """Trains a run together with the first process, which has its folder, from the state that the first process has.

    Signals are left to the first process; once it has ended, the next exchange fails.

    Args:
        config: The settings of the run.

    Raises:
        LostProcessError: If another process has ended.
        ConfigError: If the first process has other settings or samples.
    """
    with _left_to_the_first():
        wait_for_first()
        Run(RunSetup(config), measures=False).train()


@contextmanager
def _left_to_the_first() -> Iterator[None]:
    """Ignores signals and this package's warnings within the block."""
    caught = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in caught}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", IBTrainWarning)
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
