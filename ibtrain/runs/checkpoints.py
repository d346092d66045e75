"""Checkpoints of a training: written whole, checked when they are read, the last two kept."""

import re
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ibtrain.config.interval import CheckpointInterval
from ibtrain.errors import (
    DataError,
    IBTrainWarning,
    InterruptedRunError,
    RunFolderError,
    UnreadableError,
)
from ibtrain.io.files import read_error, write_error
from ibtrain.runs.states import read_state, write_state
from ibtrain.train.checkpointer import Checkpointer, State, restoring

__all__ = ["Checkpoints"]

KEPT = 2
LAST_NUMBER = 10**12 - 1
_NAME = re.compile(r"state-([0-9]{6,12})\.npz")


class Checkpoints(Checkpointer):
    """Keeps a training's last two states in a folder.

    Args:
        folder: Where; it is made when it is needed. Whoever has trained deletes it to train anew.
        interval: How often after an epoch; after a stage always.
        before: Called before each is written or deleted, to flush what has to be on the disk by then.
        before_move: Called when each is on the disk, but not yet in its place.
    """

    def __init__(
        self,
        folder: Path,
        interval: CheckpointInterval,
        before: Callable[[], None] | None = None,
        before_move: Callable[[], None] | None = None,
    ) -> None:
        self.folder = folder
        self.interval = interval
        self.before = before
        self.before_move = before_move
        self.stop_signal: int | None = None
        self._epochs = 0
        self._written = time.monotonic()

    def stop(self, signal: int) -> None:
        """Has the training stop after the step in hand, because of a signal."""
        self.stop_signal = signal

    def load(self) -> State | None:
        """The newest state that is not damaged; None where there is none.

        torch's own generators, from which dropout draws, go on from there too. Warns of each
        damaged checkpoint.

        Raises:
            UnreadableError: If one can't be read now; it may be sound.
            RunFolderError: If the newest is of a newer format.
        """
        for path in reversed(self._paths()):
            try:
                generators, training = _parts(path)
            # these are DataErrors too, and no damage
            except UnreadableError:
                raise
            except MemoryError as error:
                raise read_error(error, path) from error
            except DataError as error:
                message = f"{error}; continuing from what was before it"
                warnings.warn(message, IBTrainWarning, stacklevel=2)
                continue
            with restoring():
                _set_torch(generators)
            return training
        return None

    def after_step(self, state: Callable[[], State]) -> None:
        """Writes it and stops, if it has been asked to.

        Raises:
            InterruptedRunError: It has.
        """
        if self.stop_signal is not None:
            self.write(state())
            raise InterruptedRunError(self.stop_signal)

    def after_epoch(self, state: Callable[[], State]) -> None:
        """Writes it if the interval is over."""
        self._epochs += 1
        self.after_step(state)
        if self.interval.is_over(self._epochs, time.monotonic() - self._written):
            self.write(state())

    def after_stage(self, state: Callable[[], State]) -> None:
        """Writes it."""
        self.after_step(state)
        self.write(state())

    def write(self, state: State) -> None:
        """Writes a state, and deletes all but the last two.

        Raises:
            RunFolderError: It can't be written.
        """
        if self.before:
            self.before()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error("a folder", error, self.folder) from error
        paths = self._paths()
        number = 1 + max((_number(path) for path in paths), default=0)
        outdated = paths[: len(paths) + 1 - KEPT]
        if number > LAST_NUMBER:
            # no run comes so far, but a file may have been given such a name: counting starts again,
            # and this one is the newest once the others are gone
            number, outdated = 1, [path for path in paths if _number(path) != 1]
        whole = {"torch": _torch_state(), "training": state}
        write_state(self.folder / f"state-{number:06d}.npz", whole, self.before_move)
        self._delete(outdated)
        self._epochs = 0
        self._written = time.monotonic()

    def clear(self) -> None:
        """Deletes all of them: what they lead to is there."""
        if self.before:
            self.before()
        self._delete(self._paths())

    def _paths(self) -> list[Path]:
        """Oldest first."""
        try:
            found = [path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise read_error(error, self.folder, "checkpoints") from error
        return sorted(found, key=_number)

    def _delete(self, paths: Sequence[Path]) -> None:
        for path in paths:
            try:
                # a folder under such a name is none of ours
                if path.is_symlink() or not path.is_dir():
                    path.unlink(missing_ok=True)
            except OSError as error:
                raise RunFolderError(
                    "a file that can't be deleted", str(error), str(path)
                ) from error


def _parts(path: Path) -> tuple[list[Tensor], State]:
    """The states of torch's generators and that of the training, in a checkpoint.

    Raises:
        DataError: As :func:`read_state`.
    """
    state = read_state(path)
    try:
        generators, training = state["torch"], state["training"]
        # a trial of the first; this process may have fewer GPUs than the others are for
        torch.Generator().set_state(generators[0])
        if not all(isinstance(generator, Tensor) for generator in generators):
            raise TypeError("generators that are no tensors")
        if not isinstance(training, dict):
            raise TypeError(f"a {type(training).__name__} for the training")
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise DataError("no state", f"a checkpoint ({error})", str(path)) from error
    return generators, training


def _number(path: Path) -> int:
    return int(path.stem.removeprefix("state-"))


def _torch_state() -> list[Tensor]:
    """The states of torch's own generators, of the CPU and of every GPU in use."""
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return [torch.get_rng_state(), *gpus]


def _set_torch(states: list[Tensor]) -> None:
    """Sets torch's generators of the CPU and of those GPUs that are here.

    A run computes on one GPU, so that the states of further ones don't matter.
    """
    cpu, *gpus = states
    torch.set_rng_state(cpu)
    for index, gpu in enumerate(gpus[: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(gpu, index)
