"""Checkpoints of a training: written whole, checked when they are read, the last two kept.

A checkpoint is an npz archive, which holds no code: its tensors by number, and ``state``, a JSON
document in which they have their places. The archive's check sums tell where a byte has changed.
"""

import io
import math
import re
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ibtrain.data.archives import read_archive
from ibtrain.documents import DOCUMENT_BYTES, json_text, parse_json, place_of
from ibtrain.errors import (
    DataError,
    IBTrainWarning,
    InterruptedRunError,
    NonFiniteError,
    RunFolderError,
    UnreadableError,
)
from ibtrain.files import read_error, write_atomically, write_error
from ibtrain.interval import Interval
from ibtrain.train.keeper import Keeper, State, restoring

__all__ = ["Checkpoints", "read_state", "write_state"]

FORMAT = 1
KEPT = 2
LAST_NUMBER = 10**12 - 1
_NAME = re.compile(r"state-([0-9]{6,12})\.npz")
_TENSOR = "$tensor"
_FLOAT = "$float"
"""JSON has no NaN and no infinity."""


def write_state(path: Path, state: State, before_move: Callable[[], None] | None = None) -> None:
    """Writes a state whole, or not at all.

    Args:
        path: The file.
        state: What it holds.
        before_move: Called when the state is on the disk, but not yet in its place.

    Raises:
        NonFiniteError: If a number outside of tensors is NaN, with which no training goes on.
        RunFolderError: It can't be written.
    """
    place = place_of(state, math.isnan)
    if place is not None:
        raise NonFiniteError(f"{path}: {place} is NaN; nothing was written")
    arrays: list[NDArray[Any]] = []
    document = json_text({"format": FORMAT, "state": _put_away(state, arrays)}, str(path))
    buffer = io.BytesIO()
    members: dict[str, Any] = {str(number): array for number, array in enumerate(arrays)}
    np.savez(buffer, **members, state=np.frombuffer(document.encode(), np.uint8))
    write_atomically(path, buffer.getvalue(), before_move)


def read_state(path: Path) -> State:
    """A state that :func:`write_state` wrote; nothing in the file is executed.

    Raises:
        DataError: It is damaged, or no checkpoint.
        UnreadableError: It can't be read now, and may be sound.
        RunFolderError: It is of a newer format.
    """
    document = read_archive(path, ["state"])["state"]
    # what is written here is not compressed: a few bytes can't stand for a document of many
    most = min(DOCUMENT_BYTES, path.stat().st_size)
    if document.nbytes > most:
        raise DataError(f"{document.nbytes} bytes of state", f"at most {most}", str(path))
    try:
        content = parse_json(document.tobytes())
        told = content["format"], content["state"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError("no state", f"a checkpoint ({error})", str(path)) from error
    if told[0] != FORMAT:
        expected = f"format {FORMAT} (the ibtrain that made it can go on)"
        raise RunFolderError(f"format {told[0]!r}", expected, str(path))
    found: list[str] = []
    try:
        _take_out(told[1], lambda number, _: found.append(number))
    except (TypeError, ValueError) as error:
        raise DataError("no state", f"a checkpoint ({error})", str(path)) from error
    if len(set(found)) < len(found):
        raise DataError("a tensor in two places", "each in one", str(path))
    arrays = read_archive(path, found)
    state: State = _take_out(told[1], lambda number, dtype: _tensor(arrays[number], dtype, path))
    if not isinstance(state, dict):
        raise DataError(type(state).__name__, "a state by its parts' names", str(path))
    return state


def _put_away(value: Any, arrays: list[NDArray[Any]]) -> Any:
    """The JSON form of a state, whose tensors are appended to the arrays."""
    if isinstance(value, Tensor):
        tensor = value.detach().cpu()
        # numpy has no such numbers
        is_bfloat16 = tensor.dtype == torch.bfloat16
        arrays.append((tensor.view(torch.int16) if is_bfloat16 else tensor).numpy())
        return {_TENSOR: str(len(arrays) - 1), "dtype": str(tensor.dtype).removeprefix("torch.")}
    if isinstance(value, float) and not math.isfinite(value):
        return {_FLOAT: str(value)}
    if isinstance(value, Mapping):
        return {key: _put_away(inner, arrays) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_put_away(inner, arrays) for inner in value]
    return value


def _take_out(document: Any, tensor: Callable[[str, str], Any]) -> Any:
    """A state from its JSON form; ``tensor`` makes one from its number and the name of its type."""
    if isinstance(document, dict):
        if document.keys() == {_TENSOR, "dtype"}:
            return tensor(str(document[_TENSOR]), str(document["dtype"]))
        if document.keys() == {_FLOAT}:
            return float(document[_FLOAT])
        return {key: _take_out(inner, tensor) for key, inner in document.items()}
    if isinstance(document, list):
        return [_take_out(inner, tensor) for inner in document]
    return document


def _tensor(array: NDArray[Any], dtype: str, path: Path) -> Tensor:
    try:
        # torch has no arrays of the other byte order, and none of words
        tensor = torch.from_numpy(np.ascontiguousarray(array).reshape(array.shape))
    except TypeError as error:
        raise DataError(str(array.dtype), "an array that torch can hold", str(path)) from error
    if dtype == "bfloat16" and tensor.dtype == torch.int16:
        return tensor.view(torch.bfloat16)
    if dtype != str(tensor.dtype).removeprefix("torch."):
        raise DataError(f"{dtype!r} for an array of {array.dtype}", "its own type", str(path))
    return tensor


class Checkpoints(Keeper):
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
        interval: Interval,
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

    def restored(self) -> State | None:
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
                message = f"{error}; going on from what was before it"
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
