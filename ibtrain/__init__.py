"""Layer-by-layer training of neural networks on the information bottleneck.

The names below are imported when they are first used, so that ``import ibtrain`` costs nothing.
"""

from typing import TYPE_CHECKING

from ibtrain.lazy import lazy_exports

if TYPE_CHECKING:
    from ibtrain.backend.process_group import data_parallel
    from ibtrain.config import (
        ModelConfig,
        ObjectiveConfig,
        OptimConfig,
        PlaneConfig,
        RunConfig,
    )
    from ibtrain.config.interval import CheckpointInterval
    from ibtrain.data.dataset import Dataset, Split
    from ibtrain.data.load import load_dataset
    from ibtrain.errors import IBTrainError
    from ibtrain.mi.channel.bounds import bracket, channel_bounds
    from ibtrain.mi.channel.exact import channel, channel_mi
    from ibtrain.mi.conditional.estimate import conditional_mi
    from ibtrain.mi.matrix import mi_matrix
    from ibtrain.mi.registry import estimate
    from ibtrain.mi.result import Estimate
    from ibtrain.models.conv import conv_net
    from ibtrain.models.mlp import mlp
    from ibtrain.plane.tracker import InformationPlane
    from ibtrain.plane.watch import measure
    from ibtrain.runs.checkpoints import Checkpoints
    from ibtrain.runs.reading import load_run
    from ibtrain.runs.runner import run
    from ibtrain.runs.sweep import sweep
    from ibtrain.sklearn.classifier import IBClassifier
    from ibtrain.train.callbacks import Callback, Event
    from ibtrain.train.end_to_end import EndToEndTrainer
    from ibtrain.train.fit import fit_ensemble
    from ibtrain.train.layerwise import LayerwiseTrainer
    from ibtrain.train.network import TrainedNetwork
    from ibtrain.train.plateau import StopOnPlateau
    from ibtrain.train.stored import load_network

__version__ = "0.1.0"

_HOMES = {
    "Callback": "ibtrain.train.callbacks",
    "Checkpoints": "ibtrain.runs.checkpoints",
    "Dataset": "ibtrain.data.dataset",
    "EndToEndTrainer": "ibtrain.train.end_to_end",
    "Estimate": "ibtrain.mi.result",
    "Event": "ibtrain.train.callbacks",
    "IBClassifier": "ibtrain.sklearn.classifier",
    "IBTrainError": "ibtrain.errors",
    "InformationPlane": "ibtrain.plane.tracker",
    "CheckpointInterval": "ibtrain.config.interval",
    "LayerwiseTrainer": "ibtrain.train.layerwise",
    "ModelConfig": "ibtrain.config",
    "ObjectiveConfig": "ibtrain.config",
    "OptimConfig": "ibtrain.config",
    "PlaneConfig": "ibtrain.config",
    "RunConfig": "ibtrain.config",
    "Split": "ibtrain.data.dataset",
    "StopOnPlateau": "ibtrain.train.plateau",
    "TrainedNetwork": "ibtrain.train.network",
    "channel_bounds": "ibtrain.mi.channel.bounds",
    "bracket": "ibtrain.mi.channel.bounds",
    "channel": "ibtrain.mi.channel.exact",
    "channel_mi": "ibtrain.mi.channel.exact",
    "conditional_mi": "ibtrain.mi.conditional.estimate",
    "conv_net": "ibtrain.models.conv",
    "data_parallel": "ibtrain.backend.process_group",
    "estimate": "ibtrain.mi.registry",
    "fit_ensemble": "ibtrain.train.fit",
    "load_dataset": "ibtrain.data.load",
    "load_network": "ibtrain.train.stored",
    "load_run": "ibtrain.runs.reading",
    "measure": "ibtrain.plane.watch",
    "mi_matrix": "ibtrain.mi.matrix",
    "mlp": "ibtrain.models.mlp",
    "run": "ibtrain.runs.runner",
    "sweep": "ibtrain.runs.sweep",
}

__all__ = [
    "Callback",
    "CheckpointInterval",
    "Checkpoints",
    "Dataset",
    "EndToEndTrainer",
    "Estimate",
    "Event",
    "IBClassifier",
    "IBTrainError",
    "InformationPlane",
    "LayerwiseTrainer",
    "ModelConfig",
    "ObjectiveConfig",
    "OptimConfig",
    "PlaneConfig",
    "RunConfig",
    "Split",
    "StopOnPlateau",
    "TrainedNetwork",
    "bracket",
    "channel",
    "channel_bounds",
    "channel_mi",
    "conditional_mi",
    "conv_net",
    "data_parallel",
    "estimate",
    "fit_ensemble",
    "load_dataset",
    "load_network",
    "load_run",
    "measure",
    "mi_matrix",
    "mlp",
    "run",
    "sweep",
]


__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
