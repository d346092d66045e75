"""What networks that are trained on wrong labels have memorised."""

from importlib import import_module
from pathlib import Path

import pytest
import torch

from ibtrain import ModelConfig, OptimConfig, PlaneConfig, RunConfig
from ibtrain.runs.runner import run
from ibtrain.runs.setup import load_data


def test_both_kinds_of_labels_make_up_the_training_accuracy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    memorised = import_module("memorisation").memorised
    optim = OptimConfig(epochs=150, learning_rate=1e-2)
    config = RunConfig(
        seeds=(0,), model=ModelConfig(hidden=(100,)), train_samples=200, label_noise=0.5,
        end_to_end=optim, methods=("end_to_end",), plane=PlaneConfig(points=1, samples=50, measures=("channel",)),
    )  # fmt: skip
    folder = run(config, tmp_path / "run")
    (row,) = memorised(folder)
    train = load_data(config, torch.device("cpu")).train
    true = load_data(RunConfig(train_samples=200), torch.device("cpu")).train
    assert torch.equal(train.x, true.x)
    wrong = (train.y != true.y).float().mean().item()
    assert 0.3 < wrong < 0.6
    found = row["accuracies"]
    total = wrong * found["wrong_labels"] + (1 - wrong) * found["correct_labels"]
    assert total == pytest.approx(folder.results()["end_to_end"][0]["train_accuracy"], abs=1e-6)
    # a label is either the wrong or the true one, and 100 units memorise most wrong ones of 200 samples
    assert found["wrong_labels"] + found["true_labels_of_the_same"] <= 1
    assert found["wrong_labels"] > 0.5
    assert [layer["name"] for layer in row["layers"]] == ["hidden1", "output"]
    assert 0 < row["layers"][1]["mi_ty_channel"] <= row["layers"][1]["mi_xt_channel"] + 0.1
