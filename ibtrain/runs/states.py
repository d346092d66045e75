"""The state of a training as a file: an npz archive, which holds no code.

Its tensors have numbers, and ``state``, a JSON document, has their places. The archive's check sums tell where a
byte has changed.
"""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ibtrain.data.archives import read_archive
from ibtrain.errors import DataError, NonFiniteError, RunFolderError
from ibtrain.io.documents import DOCUMENT_BYTES, json_text, parse_json, place_of
from ibtrain.io.files import write_atomically
from ibtrain.train.checkpointer import State

__all__ = ["FORMAT", "read_state", "write_state"]

FORMAT = 2
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
        expected = f"format {FORMAT} (continue with the ibtrain that wrote it)"
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
