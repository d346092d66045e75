"""What a training tells of itself as it goes, so that it can be continued where it stopped."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ibtrain.foreign import foreign

__all__ = ["Keeper", "Nested", "State", "restoring"]

State = dict[str, Any]
"""Tensors, numbers, words and None, in lists and in dictionaries whose keys are words."""


class Keeper:
    """Decides when a training's state is kept; this one never keeps any.

    A training that goes on from a restored state ends as one that was never interrupted. It calls
    these methods where its state is whole, and computes a state only when it is asked for it.
    """

    def restored(self) -> State | None:
        """The state that a training goes on from; None starts it."""
        return None

    def after_step(self, state: Callable[[], State]) -> None:
        """After every step of an optimiser."""

    def after_epoch(self, state: Callable[[], State]) -> None:
        """After every epoch, when all listeners have heard of it."""

    def after_stage(self, state: Callable[[], State]) -> None:
        """Between two blocks of a network, and after every network of a run."""


class Nested(Keeper):
    """Keeps the state of a part within that of the whole.

    Args:
        keeper: The whole's.
        wrap: Makes the whole's state from the part's.
        restored: What the part goes on from; None starts it.
    """

    def __init__(
        self, keeper: Keeper, wrap: Callable[[State], State], restored: State | None
    ) -> None:
        self._keeper = keeper
        self._wrap = wrap
        self._restored = restored

    def restored(self) -> State | None:
        return self._restored

    def after_step(self, state: Callable[[], State]) -> None:
        self._keeper.after_step(lambda: self._wrap(state()))

    def after_epoch(self, state: Callable[[], State]) -> None:
        self._keeper.after_epoch(lambda: self._wrap(state()))

    def after_stage(self, state: Callable[[], State]) -> None:
        self._keeper.after_stage(lambda: self._wrap(state()))


def restoring() -> AbstractContextManager[None]:
    """Tells in a line where a state, which may come from anywhere, does not fit.

    Raises:
        RunFolderError: What is done within fails.
    """
    return foreign("a state", "this run's", "checkpoint")
