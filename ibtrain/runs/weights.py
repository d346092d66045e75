"""The weights of a trained network in a run's folder."""

import io

import torch
from torch import Tensor, nn

from ibtrain.io.files import write_atomically
from ibtrain.runs.folder import RunFolder

__all__ = ["save_weights"]


def save_weights(folder: RunFolder, name: str, network: nn.Module, readout: nn.Module) -> None:
    """Saves ``network`` and ``readout``, whose argmax predicts, as ``checkpoints/NAME.pt``.

    Both are state dicts, on the host wherever they trained, and load with ``weights_only=True``.
    """
    buffer = io.BytesIO()
    parts = {"network": network, "readout": readout}
    states = {
        # a module's extra state may be anything
        name: {
            key: value.cpu() if isinstance(value, Tensor) else value
            for key, value in part.state_dict().items()
        }
        for name, part in parts.items()
    }
    torch.save(states, buffer)
    folder.check_owned()
    write_atomically(folder.path / "checkpoints" / f"{name}.pt", buffer.getvalue())
