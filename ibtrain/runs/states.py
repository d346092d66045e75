"""The state of a run as a file: an npz archive, which holds no code.

The tensors are arrays named by numbers, and ``state`` is a JSON document that refers to them. The archive's check
sums reveal changed bytes.
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
"""Marks infinite numbers, which JSON does not have."""


def write_state(path: Path, state: State, before_move: Callable[[], None] | None = None) -> None:
    """Writes a state atomically.

    Args:
        path: The file.
        state: The state.
        before_move: Called when the state is on the disk, but not yet in its place.

    Raises:
        NonFiniteError: If a number outside of tensors is NaN: no training can continue from it.
        RunFolderError: If the file can't be written.
    """
    place = place_of(state, math.isnan)
    if place is not None:
        raise NonFiniteError(f"{path}: {place} is NaN; nothing was written")
    arrays: list[NDArray[Any]] = []
    document = json_text({"format": FORMAT, "state": _to_json(state, arrays)}, str(path))
    buffer = io.BytesIO()
    members: dict[str, Any] = {str(number): array for number, array in enumerate(arrays)}
    np.savez(buffer, **members, state=np.frombuffer(document.encode(), np.uint8))
    write_atomically(path, buffer.getvalue(), before_move)


def read_state(path: Path) -> State:
    """Reads a state that :func:`write_state` wrote; nothing in the file is executed.

    Raises:
        DataError: If the file is damaged, or not a checkpoint.
        UnreadableError: If the file can't be read now; it may be intact.
        RunFolderError: If the file has another format.
    """
    document = read_archive(path, ["state"])["state"]
    # states are not compressed: a document larger than its file is no state
    max_bytes = min(DOCUMENT_BYTES, path.stat().st_size)
    if document.nbytes > max_bytes:
        raise DataError(f"{document.nbytes} bytes of state", f"at most {max_bytes}", str(path))
    try:
        content = parse_json(document.tobytes())
        version, tree = content["format"], content["state"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError("no valid state", f"a checkpoint ({error})", str(path)) from error
    if version != FORMAT:
        expected = f"format {FORMAT} (continue with the version of ibtrain that wrote it)"
        raise RunFolderError(f"format {version!r}", expected, str(path))
    numbers: list[str] = []
    try:
        _from_json(tree, lambda number, _: numbers.append(number))
    except (TypeError, ValueError) as error:
        raise DataError("no valid state", f"a checkpoint ({error})", str(path)) from error
    if len(set(numbers)) < len(numbers):
        raise DataError("a tensor in two places", "each tensor in one place", str(path))
    arrays = read_archive(path, numbers)
    state: State = _from_json(tree, lambda number, dtype: _tensor(arrays[number], dtype, path))
    if not isinstance(state, dict):
        raise DataError(type(state).__name__, "a state that is a dictionary", str(path))
    return state


def _to_json(value: Any, arrays: list[NDArray[Any]]) -> Any:
    """Converts a state to its JSON form, and appends its tensors to the arrays."""
    if isinstance(value, Tensor):
        tensor = value.detach().cpu()
        # numpy has no bfloat16
        is_bfloat16 = tensor.dtype == torch.bfloat16
        arrays.append((tensor.view(torch.int16) if is_bfloat16 else tensor).numpy())
        return {_TENSOR: str(len(arrays) - 1), "dtype": str(tensor.dtype).removeprefix("torch.")}
    if isinstance(value, float) and not math.isfinite(value):
        return {_FLOAT: str(value)}
    if isinstance(value, Mapping):
        return {key: _to_json(inner, arrays) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_to_json(inner, arrays) for inner in value]
    return value


def _from_json(document: Any, tensor: Callable[[str, str], Any]) -> Any:
    """Restores a state from its JSON form; ``tensor`` returns a tensor by its number and type name."""
    if isinstance(document, dict):
        if document.keys() == {_TENSOR, "dtype"}:
            return tensor(str(document[_TENSOR]), str(document["dtype"]))
        if document.keys() == {_FLOAT}:
            return float(document[_FLOAT])
        return {key: _from_json(inner, tensor) for key, inner in document.items()}
    if isinstance(document, list):
        return [_from_json(inner, tensor) for inner in document]
    return document


def _tensor(array: NDArray[Any], dtype: str, path: Path) -> Tensor:
    try:
        # torch supports neither foreign byte orders nor strings
        tensor = torch.from_numpy(np.ascontiguousarray(array).reshape(array.shape))
    except TypeError as error:
        raise DataError(str(array.dtype), "a type that torch supports", str(path)) from error
    if dtype == "bfloat16" and tensor.dtype == torch.int16:
        return tensor.view(torch.bfloat16)
    if dtype != str(tensor.dtype).removeprefix("torch."):
        raise DataError(f"{dtype!r} for an array of {array.dtype}", "the array's type", str(path))
    return tensor
