"""Saves the weights of a trained network in a run's folder."""

import io

import torch
from torch import Tensor

from ibtrain.io.files import write_atomically
from ibtrain.runs.folder import RunFolder
from ibtrain.runs.networks import weights_name
from ibtrain.train.results import FitResult

__all__ = ["save_weights"]


def save_weights(folder: RunFolder, fit: FitResult) -> None:
    """Saves the network and its readout as ``checkpoints/METHOD-seedN.pt``.

    Both are state dicts on the CPU, with the ``scaling`` of the inputs and the names of the ``classes`` beside them; the
    file loads with ``weights_only=True``.
    """
    buffer = io.BytesIO()
    states = {
        # a module's extra state may be of any type
        name: {
            key: value.cpu() if isinstance(value, Tensor) else value
            for key, value in module.state_dict().items()
        }
        for name, module in (("network", fit.network), ("readout", fit.readout))
    }
    document = {**states, "scaling": fit.scaling.to_dict(), "classes": list(fit.classes)}
    torch.save(document, buffer)
    folder.check_owned()
    name = weights_name(fit.method, fit.seed)
    write_atomically(folder.path / "checkpoints" / name, buffer.getvalue())
