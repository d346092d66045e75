"""Interface for saving and restoring the state of a training."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ibtrain.io.untrusted import untrusted

__all__ = ["Checkpointer", "ScopedCheckpointer", "State", "restoring"]

State = dict[str, Any]
"""Tensors, numbers, strings and None, in lists and in dictionaries whose keys are strings."""


class Checkpointer:
    """Decides when the state of a training is saved; this base class never saves any.

    A training that continues from a loaded state ends as one that was never interrupted. It calls these methods
    at moments when its state is complete; ``state`` computes it, and is called only if it is needed.
    """

    def load(self) -> State | None:
        """The state from which a training continues; None starts it."""
        return None

    def after_step(self, state: Callable[[], State]) -> None:
        """Called after every step of an optimiser."""

    def after_epoch(self, state: Callable[[], State]) -> None:
        """Called after every epoch, after all callbacks."""

    def after_stage(self, state: Callable[[], State]) -> None:
        """Called between two stages of a training, and after every training of a run."""


class ScopedCheckpointer(Checkpointer):
    """Saves the state of a part within that of the whole.

    Args:
        checkpointer: Saves the state of the whole.
        wrap: Makes the state of the whole from that of the part.
        state: The state from which the part continues; None starts it.
    """

    def __init__(
        self, checkpointer: Checkpointer, wrap: Callable[[State], State], state: State | None
    ) -> None:
        self._checkpointer = checkpointer
        self._wrap = wrap
        self._state = state

    def load(self) -> State | None:
        return self._state

    def after_step(self, state: Callable[[], State]) -> None:
        self._checkpointer.after_step(lambda: self._wrap(state()))

    def after_epoch(self, state: Callable[[], State]) -> None:
        self._checkpointer.after_epoch(lambda: self._wrap(state()))

    def after_stage(self, state: Callable[[], State]) -> None:
        self._checkpointer.after_stage(lambda: self._wrap(state()))


def restoring() -> AbstractContextManager[None]:
    """Turns errors from a state that does not fit this run into one line.

    Raises:
        RunFolderError: If the block fails.
    """
    return untrusted("a state", "this run's", "checkpoint")
