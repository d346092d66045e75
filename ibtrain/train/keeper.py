"""What a training tells of itself as it goes, so that it can be continued where it stopped."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from ibtrain.errors import RunFolderError
from ibtrain.io.foreign import foreign

__all__ = ["Keeper", "Nested", "State", "identified", "restoring"]

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


def identified(keeper: Keeper, identity: Callable[[], State]) -> Keeper:
    """A keeper that records in every state which training it belongs to.

    States without a record, which older versions wrote, are taken as they are.

    Args:
        keeper: Has the state to go on from, and keeps the training's.
        identity: Everything that a state must agree in with the training that goes on from it, by
            name; called only when there is a state.

    Raises:
        RunFolderError: If the kept state is of another training; names what differs.
    """

    @cache
    def recorded() -> State:
        # lists and not tuples, as they come out of a file
        record: State = json.loads(json.dumps(identity()))
        return record

    restored = keeper.restored()
    with restoring():
        if restored is not None and not isinstance(restored, dict):
            raise TypeError(f"a {type(restored).__name__} for a training")
        if restored and restored.get("identity") is not None:
            _check_identity(restored["identity"], recorded())
    return Nested(keeper, lambda state: {**state, "identity": recorded()}, restored)


def _check_identity(saved: State, expected: State) -> None:
    for name in {**expected, **saved}:
        if saved.get(name) != expected.get(name):
            advice = f"{name} {expected.get(name)} (train in another folder, or delete this one)"
            raise RunFolderError(f"{name} {saved.get(name)}", advice, "checkpoint")


def restoring() -> AbstractContextManager[None]:
    """Tells in a line where a state, which may come from anywhere, does not fit.

    Raises:
        RunFolderError: What is done within fails.
    """
    return foreign("a state", "this run's", "checkpoint")
