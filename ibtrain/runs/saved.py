"""Saves weights and activations of the layers in training, at every point of the plane."""

import io
import math
import re
import shutil
from pathlib import Path

import numpy as np
import torch

from ibtrain.backend.gradients import differentiable
from ibtrain.backend.seeding import generator
from ibtrain.errors import RunFolderError
from ibtrain.io.files import write_atomically
from ibtrain.plane.gradients import batch_gradients
from ibtrain.plane.samples import draw_index, measured_labels, measured_samples
from ibtrain.plane.schedule import count_moments, is_due
from ibtrain.runs.folder import RunFolder
from ibtrain.runs.setup import RunSetup
from ibtrain.train.callbacks import Event

__all__ = ["SAVED_FOLDER", "Saver", "check_disk", "mib", "saved_bytes"]

SAVED_FOLDER = "saved"
BYTES = 4
"""Size of a float32 number."""


class Saver:
    """A callback that writes ``saved/METHOD-seedN-STAGE-epochE.npz`` whenever the plane is measured.

    Its arrays are ``weights.LAYER.PARAMETER``; ``gradients.LAYER.PARAMETER``, the mean over batches of the loss that trains the
    layer; ``activations.LAYER`` of shape ``(samples, dim)``, without noise, on the plane's samples, with their ``labels``; and ``method``, ``seed``, ``epoch``, the names of the ``layers`` and the place of
    the first one (``index``).

    Args:
        setup: Settings and data of the run.
        folder: Folder of the run.
    """

    def __init__(self, setup: RunSetup, folder: RunFolder) -> None:
        self.config = setup.config
        self.folder = folder
        self.index = measured_samples(setup.data, setup.config.plane)
        self.labels = measured_labels(setup.data, self.index)
        self.y_train = setup.data.train.y

    def __call__(self, event: Event) -> None:
        """Saves what the settings ask for, if the plane is measured at this event."""
        if is_due(self.config.plane, event):
            buffer = io.BytesIO()
            np.savez(buffer, **self._arrays(event))  # type: ignore[arg-type]
            path = self.folder.subfolder(SAVED_FOLDER)
            # a block's name may have any character
            stage = re.sub(r"[^\w-]", "_", event.stage)
            name = f"{event.method}-seed{event.seed}-{event.index}-{stage}-epoch{event.progress:g}"
            write_atomically(path / f"{name}.npz", buffer.getvalue())

    def on_step(self, event: Event) -> None:
        """Saves within an epoch, where the plane is measured there."""
        self(event)

    def _arrays(self, event: Event) -> dict[str, np.ndarray]:
        arrays = {
            "method": np.array(event.method),
            "seed": np.array(event.seed),
            "epoch": np.array(event.progress),
            "layers": np.array([name for name, _ in event.model.blocks.named_children()]),
            "index": np.array(event.index),
            "labels": self.labels.cpu().numpy(),
        }
        if "weights" in self.config.save:
            for name, tensor in event.model.blocks.state_dict().items():
                if isinstance(tensor, torch.Tensor):
                    arrays[f"weights.{name}"] = tensor.cpu().numpy()
        if "activations" in self.config.save:
            parts = [event.model.activations(split, rows) for split, rows in self.index.items()]
            for layer in parts[0]:
                h = torch.cat([part[layer] for part in parts])
                arrays[f"activations.{layer}"] = h.cpu().numpy()
        if "gradients" in self.config.save:
            for name, gradient in self._gradients(event).items():
                arrays[f"gradients.{name}"] = gradient.cpu().numpy()
        return arrays

    @differentiable()
    def _gradients(self, event: Event) -> dict[str, torch.Tensor]:
        """Mean gradient of each parameter in training, over batches of training samples in evaluation mode."""
        plane, x = self.config.plane, event.model.inputs["train"]
        noise = generator(x.device, event.seed, "saved gradients")
        rows = draw_index(len(self.y_train), plane.train_samples).to(x.device)
        size = min(plane.batch_size, len(rows))
        # without a last, smaller batch, on which a bound is another one
        batches = rows[: len(rows) // size * size].split(size)
        parameters = dict(event.model.blocks.named_parameters())
        gradients = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}

        def loss(inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return event.model.loss(inputs, labels, noise)

        weights = list(parameters.values())
        for values in batch_gradients(loss, x, self.y_train, weights, batches):
            for total, value in zip(gradients.values(), values, strict=True):
                if value is not None:
                    total.add_(value, alpha=1 / len(batches))
        return gradients


def saved_bytes(setup: RunSetup) -> int:
    """Size of everything that a run will save, in bytes.

    Args:
        setup: Settings, data and model of the run.
    """
    config = setup.config
    samples = sum(map(len, measured_samples(setup.data, config.plane).values()))
    activations = samples * sum(setup.dims.values())
    numbers = {"weights": setup.weights, "gradients": setup.weights, "activations": activations}
    moments = sum(count_moments(config.plane, config.optim(m).epochs) for m in config.methods)
    return BYTES * len(config.seeds) * moments * sum(numbers[name] for name in config.save)


def check_disk(path: Path, size: int) -> None:
    """Checks that a disk has room.

    Args:
        path: A folder that may not exist yet.
        size: Number of bytes that will be written.

    Raises:
        RunFolderError: If less is free.
    """
    try:
        existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        free = shutil.disk_usage(existing).free
    except (OSError, ValueError):
        # a folder that can't be inspected is refused when it is made
        return
    if size > free:
        given = f"{mib(size)} MiB to be saved, and {mib(free)} MiB free"
        raise RunFolderError(given, "a larger disk, fewer points, or less in --save", str(path))


def mib(size: int) -> int:
    """A number of bytes in MiB, rounded up."""
    return math.ceil(size / 2**20)
