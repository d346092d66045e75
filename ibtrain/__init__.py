"""Layer-by-layer training of neural networks on the information bottleneck.

The names below are imported when they are first used, so that ``import ibtrain`` costs nothing.
"""

from typing import TYPE_CHECKING

from ibtrain.lazy import lazy_exports

if TYPE_CHECKING:
    from ibtrain.config import (
        ModelConfig,
        ObjectiveConfig,
        OptimConfig,
        PlaneConfig,
        RunConfig,
    )
    from ibtrain.config.interval import Interval
    from ibtrain.data.dataset import Dataset, Split
    from ibtrain.data.load import load_dataset
    from ibtrain.errors import IBTrainError
    from ibtrain.mi.channel import channel
    from ibtrain.mi.channel_bounds import bracket
    from ibtrain.mi.registry import estimate
    from ibtrain.mi.result import Estimate
    from ibtrain.models.conv import conv_net
    from ibtrain.models.mlp import mlp
    from ibtrain.plane.tracker import InformationPlane
    from ibtrain.runs.checkpoints import Checkpoints
    from ibtrain.runs.course import Course
    from ibtrain.runs.experiment import Experiment
    from ibtrain.runs.runner import run
    from ibtrain.train.endtoend import EndToEndTrainer
    from ibtrain.train.events import Event
    from ibtrain.train.layerwise import LayerwiseTrainer

__version__ = "0.1.0"

_HOMES = {
    "Checkpoints": "ibtrain.runs.checkpoints",
    "Course": "ibtrain.runs.course",
    "Dataset": "ibtrain.data.dataset",
    "EndToEndTrainer": "ibtrain.train.endtoend",
    "Estimate": "ibtrain.mi.result",
    "Event": "ibtrain.train.events",
    "Experiment": "ibtrain.runs.experiment",
    "IBTrainError": "ibtrain.errors",
    "InformationPlane": "ibtrain.plane.tracker",
    "Interval": "ibtrain.config.interval",
    "LayerwiseTrainer": "ibtrain.train.layerwise",
    "ModelConfig": "ibtrain.config",
    "ObjectiveConfig": "ibtrain.config",
    "OptimConfig": "ibtrain.config",
    "PlaneConfig": "ibtrain.config",
    "RunConfig": "ibtrain.config",
    "Split": "ibtrain.data.dataset",
    "bracket": "ibtrain.mi.channel_bounds",
    "channel": "ibtrain.mi.channel",
    "conv_net": "ibtrain.models.conv",
    "estimate": "ibtrain.mi.registry",
    "load_dataset": "ibtrain.data.load",
    "mlp": "ibtrain.models.mlp",
    "run": "ibtrain.runs.runner",
}

__all__ = [
    "Checkpoints",
    "Course",
    "Dataset",
    "EndToEndTrainer",
    "Estimate",
    "Event",
    "Experiment",
    "IBTrainError",
    "InformationPlane",
    "Interval",
    "LayerwiseTrainer",
    "ModelConfig",
    "ObjectiveConfig",
    "OptimConfig",
    "PlaneConfig",
    "RunConfig",
    "Split",
    "bracket",
    "channel",
    "conv_net",
    "estimate",
    "load_dataset",
    "mlp",
    "run",
]


__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
