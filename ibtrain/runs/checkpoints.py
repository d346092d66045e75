"""Checkpoints of a run: written atomically, checked when they are read; the last two are kept."""

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ibtrain.config.interval import CheckpointInterval
from ibtrain.errors import (
    DataError,
    InterruptedRunError,
    RunFolderError,
    UnreadableError,
    warn,
)
from ibtrain.io.files import read_error, write_error
from ibtrain.runs.states import read_state, write_state
from ibtrain.train.checkpointer import Checkpointer, State, restoring

__all__ = ["Checkpoints"]

MAX_CHECKPOINTS = 2
MAX_NUMBER = 10**12 - 1
_NAME = re.compile(r"state-([0-9]{6,12})\.npz")


class Checkpoints(Checkpointer):
    """Keeps the last two states of a run in a folder.

    Args:
        folder: The folder of the checkpoints, created when the first one is written. Delete it to train again from
            the start.
        interval: Time or epochs between two checkpoints. A state is also saved after every stage.
        before: Called before a checkpoint is written or deleted, to flush what must be on the disk by then.
        before_move: Called when a checkpoint is on the disk, but not yet in its place.
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
        """Makes the training stop after the current step, because of a signal."""
        self.stop_signal = signal

    def load(self) -> State | None:
        """Returns the newest state that is not damaged; None if there is none.

        Also restores torch's global generators, from which dropout draws. Warns about each
        damaged checkpoint.

        Raises:
            UnreadableError: If a checkpoint can't be read now; it may be intact.
            RunFolderError: If the newest checkpoint has another format.
        """
        for path in reversed(self._paths()):
            try:
                generators, training = _load_checkpoint(path)
            # a subclass of DataError, but the file is not damaged
            except UnreadableError:
                raise
            except MemoryError as error:
                raise read_error(error, path) from error
            except DataError as error:
                message = f"{error}; continuing from the state before it"
                warn(message)
                continue
            with restoring():
                _set_generators(generators)
            return training
        return None

    @property
    def is_empty(self) -> bool:
        """Whether there is no checkpoint."""
        return not self._paths()

    def after_step(self, state: Callable[[], State]) -> None:
        """Writes the state and stops the training, if :meth:`stop` has been called.

        Raises:
            InterruptedRunError: If :meth:`stop` has been called.
        """
        if self.stop_signal is not None:
            self.write(state())
            raise InterruptedRunError(self.stop_signal)

    def after_epoch(self, state: Callable[[], State]) -> None:
        """Writes the state if the interval is over."""
        self._epochs += 1
        self.after_step(state)
        if self.interval.is_over(self._epochs, time.monotonic() - self._written):
            self.write(state())

    def after_stage(self, state: Callable[[], State]) -> None:
        """Writes the state."""
        self.after_step(state)
        self.write(state())

    def write(self, state: State) -> None:
        """Writes a state, and deletes all checkpoints but the last two.

        Raises:
            RunFolderError: If the state can't be written.
        """
        if self.before:
            self.before()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error("a folder", error, self.folder) from error
        paths = self._paths()
        number = 1 + max((_number(path) for path in paths), default=0)
        outdated = paths[: len(paths) + 1 - MAX_CHECKPOINTS]
        if number > MAX_NUMBER:
            # no run writes so many checkpoints, but a file may have such a name: numbers start again at 1,
            # and the new checkpoint is the newest once the others are deleted
            number, outdated = 1, [path for path in paths if _number(path) != 1]
        document = {"torch": _generator_states(), "training": state}
        write_state(self.folder / f"state-{number:06d}.npz", document, self.before_move)
        self._delete(outdated)
        self._epochs = 0
        self._written = time.monotonic()

    def clear(self) -> None:
        """Deletes all checkpoints, which a finished run does not need."""
        if self.before:
            self.before()
        self._delete(self._paths())

    def _paths(self) -> list[Path]:
        """The checkpoints, oldest first."""
        try:
            paths = [path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise read_error(error, self.folder, "checkpoints") from error
        return sorted(paths, key=_number)

    def _delete(self, paths: Sequence[Path]) -> None:
        for path in paths:
            try:
                # no run creates a folder with such a name
                if path.is_symlink() or not path.is_dir():
                    path.unlink(missing_ok=True)
            except OSError as error:
                raise RunFolderError(
                    "a file that can't be deleted", str(error), str(path)
                ) from error


def _load_checkpoint(path: Path) -> tuple[list[Tensor], State]:
    """The states of torch's generators and the state of the run in a checkpoint.

    Raises:
        DataError: If the checkpoint is damaged, or can't be read (see :func:`read_state`).
    """
    state = read_state(path)
    try:
        generators, training = state["torch"], state["training"]
        # checks the CPU's state; this process may have fewer GPUs than there are states for
        torch.Generator().set_state(generators[0])
        if not all(isinstance(generator, Tensor) for generator in generators):
            raise TypeError("the states of generators are not tensors")
        if not isinstance(training, dict):
            raise TypeError(f"a {type(training).__name__} for the training")
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise DataError("no valid state", f"a checkpoint ({error})", str(path)) from error
    return generators, training


def _number(path: Path) -> int:
    return int(path.stem.removeprefix("state-"))


def _generator_states() -> list[Tensor]:
    """The states of torch's global generators: of the CPU and of every GPU, if CUDA is in use."""
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return [torch.get_rng_state(), *gpus]


def _set_generators(states: list[Tensor]) -> None:
    """Sets torch's global generators of the CPU and of the GPUs that this machine has.

    A run computes on one GPU, so the states of other GPUs don't matter.
    """
    cpu, *gpus = states
    torch.set_rng_state(cpu)
    for index, gpu in enumerate(gpus[: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(gpu, index)
