"""A run that an earlier version left unfinished, before some settings existed, goes on with their defaults."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ibtrain.config import METHODS, ModelConfig, OptimConfig, PlaneConfig, RunConfig
from ibtrain.config.recipes import with_recipes
from ibtrain.errors import InterruptedRunError, RunFolderError
from ibtrain.runs.documents import read_config
from ibtrain.runs.execution import Run
from ibtrain.runs.setup import RunSetup
from ibtrain.train.checkpointer import Checkpointer, State

OPTIM = OptimConfig(learning_rate=1e-3, schedule="constant", batch_size=128, epochs=2)
CONFIG = RunConfig(
    seeds=(0,),
    methods=("end_to_end",),
    model=ModelConfig(hidden=(6,)),
    end_to_end=OPTIM,
    plane=PlaneConfig(points=0),
)


class StopAfterAnEpoch(Checkpointer):
    def __init__(self, state: State | None = None) -> None:
        self.state = state

    def load(self) -> State | None:
        return self.state

    def after_epoch(self, state: Callable[[], State]) -> None:
        if self.state is None:
            self.state = copy.deepcopy(state())
            raise InterruptedRunError(2)


def test_settings_that_a_saved_state_lacks_are_at_their_defaults() -> None:
    expected = Run(RunSetup(CONFIG)).train().to_dict()
    stop = StopAfterAnEpoch()
    with pytest.raises(InterruptedRunError):
        Run(RunSetup(CONFIG), stop).train()
    assert stop.state is not None
    identity = stop.state["identity"]
    for table, name in [("model", "noise_std"), ("end_to_end", "weight_averaging")]:
        del identity[table][name]
    del identity["label_noise"]
    result = Run(RunSetup(CONFIG), StopAfterAnEpoch(stop.state)).train().to_dict()
    accuracies = [d["end_to_end"][0]["test_accuracy"] for d in (expected, result)]
    assert accuracies[0] == accuracies[1]
    noisy = replace(CONFIG, model=replace(CONFIG.model, noise_std=0.1))
    with pytest.raises(
        RunFolderError, match=r"got model.noise_std 0.0, expected model.noise_std 0.1"
    ):
        Run(RunSetup(noisy), StopAfterAnEpoch(stop.state))


def test_a_configuration_that_lacks_a_setting_is_what_its_version_trained(tmp_path: Path) -> None:
    values = with_recipes(RunConfig()).to_dict()
    del values["objective"]["average_scores"]
    for method in METHODS:
        del values[method]["label_smoothing"], values[method]["weight_averaging"]
    place = tmp_path / "config.json"
    place.write_text(json.dumps(values))
    config = read_config(place)
    assert not config.objective.average_scores
    for method in METHODS:
        optim = config.optim(method)
        assert (optim.label_smoothing, optim.weight_averaging) == (0, 0)
    # a file that a user writes has the defaults of today
    del values["objective"]
    assert RunConfig.from_dict(values).objective.average_scores
