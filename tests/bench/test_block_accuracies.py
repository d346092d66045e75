"""Accuracies of single blocks and of their averages."""

from importlib import import_module
from pathlib import Path

import pytest
import torch

from ibtrain import ModelConfig, ObjectiveConfig, OptimConfig, PlaneConfig, RunConfig
from ibtrain.runs.runner import run
from ibtrain.runs.setup import load_data


def test_the_last_average_is_the_prediction_and_the_first_the_first_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    config = RunConfig(
        seeds=(0,), methods=("layerwise",), model=ModelConfig(hidden=(20, 10)), plane=PlaneConfig(points=0),
        objective=ObjectiveConfig(average_scores=True, order="simultaneous"), layerwise=OptimConfig(epochs=3),
    )  # fmt: skip
    folder = run(config, tmp_path / "run")
    (row,) = import_module("block_accuracies").rows_of(folder)
    network, test = folder.network(0), load_data(config, torch.device("cpu")).test
    assert row["average"][-1] == pytest.approx(network.score(test))
    assert row["average"][0] == row["single"][0]
    # the output layer's own scores
    last = network.readout.readouts[-1](network.network(test.x)).argmax(1) == test.y
    assert row["single"][-1] == pytest.approx(last.float().mean().item())
    assert len({*row["single"]}) == 3
