"""The trained networks of a run's folder, as objects that predict."""

import io
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ibtrain.config import Method, RunConfig
from ibtrain.data.scaling import Scaling
from ibtrain.errors import RunFolderError
from ibtrain.io.documents import read_bytes
from ibtrain.io.files import read_error
from ibtrain.io.untrusted import untrusted
from ibtrain.models.blocks import block_outputs
from ibtrain.models.build import create_network
from ibtrain.runs.setup import load_data
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.network import TrainedNetwork
from ibtrain.train.objectives import BlockSpec
from ibtrain.train.scores import AveragedReadout
from ibtrain.train.trainer import Trainer

__all__ = ["read_network", "weights_name"]

MAX_BYTES = 1 << 34
"""Maximum number of bytes of a file of weights."""


def weights_name(method: str, seed: int) -> str:
    """The name of the file of a network's weights in ``checkpoints/``."""
    return f"{method}-seed{seed}.pt"


def read_network(path: Path, config: RunConfig, method: Method, seed: int) -> TrainedNetwork:
    """Makes the network of a run again, on the CPU; :meth:`RunFolder.network` describes it.

    Args:
        path: The run's folder.
        config: The run's settings.
        method: The method that trained the network.
        seed: The seed of its training.
    """
    if method not in config.methods or seed not in config.seeds:
        methods, seeds = ", ".join(config.methods), ", ".join(map(str, config.seeds))
        expected = f"one of the methods {methods} and of the seeds {seeds}"
        raise RunFolderError(f"{method}, seed {seed}", expected, str(path))
    states, file = _read_states(path / "checkpoints" / weights_name(method, seed))
    with untrusted("a file of weights", "that of this run", str(file)):
        if "scaling" in states:
            scaling, classes = Scaling.from_dict(states["scaling"]), tuple(states["classes"])
        else:
            # an earlier version saved neither
            data = load_data(config, torch.device("cpu"))
            scaling, classes = data.scaling or Scaling(tuple(data.train.x.shape[1:])), data.classes
        blocks = create_network(config.model, scaling.shape, len(classes), seed)
        trainer: Trainer = (
            EndToEndTrainer(blocks)
            if method == "end_to_end"
            else LayerwiseTrainer(blocks, config.objective)
        )
        network, readout = _parts(trainer, scaling.shape, len(classes))
        network.load_state_dict(states["network"])
        readout.load_state_dict(states["readout"])
    parts = (part.eval().requires_grad_(False) for part in (network, readout))
    return TrainedNetwork(*parts, scaling=scaling, classes=classes)  # type: ignore[arg-type]


def _read_states(path: Path) -> tuple[dict[str, Any], Path]:
    try:
        content = read_bytes(path, MAX_BYTES)
    except FileNotFoundError as error:
        expected = "the weights of a training that has ended (ibtrain resume continues the run)"
        raise RunFolderError("no such file", expected, str(path)) from error
    except (MemoryError, OSError) as error:
        raise read_error(error, path) from error
    with untrusted("a file of weights", "one that a run saves", str(path)):
        try:
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True), path
        # torch's unpickler raises its own error, and also those of a broken zip archive
        except Exception as error:
            raise ValueError(str(error) or type(error).__name__) from error


@torch.no_grad()
def _parts(
    trainer: Trainer, shape: tuple[int, ...], num_classes: int
) -> tuple[nn.Sequential, nn.Module]:
    """The blocks that a trainer trains, and a readout of their output with untrained weights."""
    outputs = block_outputs(trainer.blocks.eval(), torch.zeros(2, *shape))
    places = {name: index for index, name in enumerate(outputs)}
    stages = list(trainer.stages.values())
    specs = {
        name: BlockSpec(tuple(h.shape[1:]), torch.zeros(num_classes), places[name], len(places))
        for name, h in outputs.items()
    }

    def blocks(names: Any) -> nn.Sequential:
        return nn.Sequential(OrderedDict((n, trainer.blocks.get_submodule(n)) for n in names))

    readouts = [
        trainer.objective_of(blocks(names), {name: specs[name] for name in names}).readout
        for names in (stages if trainer.averages_scores else stages[-1:])
    ]
    readout = AveragedReadout(readouts) if len(readouts) > 1 else readouts[0]
    return blocks([name for names in stages for name in names]), readout
