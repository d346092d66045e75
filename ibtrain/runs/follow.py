"""What the processes of torchrun do besides the first one: they help to train and to measure, and write nothing."""

import warnings
from functools import partial

import torch

from ibtrain.backend.exchange import wait_for_first
from ibtrain.config import RunConfig
from ibtrain.data.common import common_data
from ibtrain.errors import IBTrainWarning
from ibtrain.runs.execution import Run
from ibtrain.runs.setup import RunSetup, load_data

__all__ = ["follow"]


def follow(config: RunConfig) -> None:
    """Trains a run together with the first process, which has its folder and gives the warnings, from the state that it has.

    Args:
        config: The settings of the run.

    Raises:
        LostProcessError: If another process has ended.
        ConfigError: If the first process has other settings or samples.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IBTrainWarning)
        wait_for_first()
        load = partial(load_data, config, torch.device("cpu"))
        Run(RunSetup(config, partial(common_data, load))).train()
