"""A trained network in one file."""

import io
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ibtrain.data.scaling import Scaling
from ibtrain.errors import RunFolderError
from ibtrain.io.files import read_error, write_atomically
from ibtrain.io.untrusted import untrusted
from ibtrain.train.network import TrainedNetwork, exported

__all__ = ["load_network", "save_network"]

FORMAT = 1
SAFE_PACKAGES = ("torch.nn.modules.", "ibtrain.")
"""Packages whose modules hold no code of the file's author: loading one sets its attributes and no more."""
SAFE_TYPES: list[Any] = [set]


def save_network(trained: TrainedNetwork, path: Path) -> None:
    """Saves a trained network; :meth:`TrainedNetwork.save` describes it."""
    modules = {
        "scaling": trained.scaling,
        "network": trained.network,
        "readout": trained.readout,
    }
    document = {
        "ibtrain": FORMAT,
        "modules": {name: exported(module) for name, module in modules.items()},
        "classes": list(trained.classes),
    }
    buffer = io.BytesIO()
    torch.save(document, buffer)
    write_atomically(path, buffer.getvalue())


def load_network(path: str | Path, *, trusted: bool = False) -> TrainedNetwork:
    """Loads a network that :meth:`TrainedNetwork.save` has saved, on the CPU and in evaluation mode.

    Args:
        path: The file.
        trusted: Whether the file may run any code, as a network of modules other than torch's needs. Only say so of
            files that you have made, or whose author you trust.

    Raises:
        RunFolderError: If the file is missing, is something else, or needs ``trusted``.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> trained = TrainedNetwork(nn.Sequential(nn.Linear(2, 2)), nn.Identity(), classes=("no", "yes"))
        >>> with TemporaryDirectory() as folder:
        ...     trained.save(f"{folder}/network.pt")
        ...     load_network(f"{folder}/network.pt").classes
        ('no', 'yes')
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        expected = "a file that result.save(path) has written"
        raise RunFolderError("no such file", expected, str(path)) from error
    except OSError as error:
        raise read_error(error, path) from error
    with untrusted("a file", "a network that result.save(path) has written", str(path)):
        try:
            document = _load(content, path, trusted=trusted)
        # torch's unpickler raises its own error, and also those of a broken zip archive
        except (EOFError, OSError, SyntaxError) as error:
            raise ValueError(str(error) or type(error).__name__) from error
        if document["ibtrain"] > FORMAT:
            raise ValueError("made by a newer ibtrain")
        modules = document["modules"]
        scaling = modules["scaling"]
        if not isinstance(scaling, Scaling):
            raise TypeError("no scaling")
        classes = tuple(document["classes"])
        return TrainedNetwork(
            modules["network"], modules["readout"], scaling=scaling, classes=classes
        )


def _load(content: bytes, path: Path, *, trusted: bool) -> Any:
    if trusted:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=False)
    names = torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(content))
    safe = [*SAFE_TYPES]
    for name in names:
        module, _, kind = name.rpartition(".")
        found = (
            getattr(import_module(module), kind, None) if name.startswith(SAFE_PACKAGES) else None
        )
        if isinstance(found, type) and issubclass(found, nn.Module):
            safe.append(found)
        elif name != "builtins.set":
            expected = (
                "modules of torch.nn, or load_network(path, trusted=True) for a file that you trust"
            )
            raise RunFolderError(f"a network that needs {name}", expected, str(path))
    with torch.serialization.safe_globals(safe):
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
