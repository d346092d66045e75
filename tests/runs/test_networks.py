"""The trained networks of a run's folder."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from ibtrain import load_run
from ibtrain.config import ModelConfig, ObjectiveConfig, OptimConfig, PlaneConfig, RunConfig
from ibtrain.data.load import load_dataset
from ibtrain.errors import RunFolderError
from ibtrain.runs import run
from ibtrain.runs.folder import RunFolder

QUICK = OptimConfig(epochs=1)


def train(path: Path, **settings: Any) -> RunFolder:
    defaults: dict[str, Any] = {
        "seeds": (0, 1),
        "model": ModelConfig(hidden=(20, 10), channels=(4,)),
        "layerwise": QUICK,
        "end_to_end": QUICK,
        "plane": PlaneConfig(points=0),
    }
    run(RunConfig(**{**defaults, **settings}), path)
    return load_run(path)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"model": ModelConfig(kind="conv", channels=(4,), hidden=(10,), dropout=0.2), "seeds": (1,)},
        {"objective": ObjectiveConfig(readout="critic"), "methods": ("layerwise",)},
        {"objective": ObjectiveConfig(name="cross-entropy", order="simultaneous"), "seeds": (0,)},
    ],
)  # fmt: skip
def test_its_predictions_are_the_reported_ones(tmp_path: Path, settings: dict[str, Any]) -> None:
    folder = train(tmp_path / "run", **settings)
    results, test = folder.results(), load_dataset("digits").test
    for method in folder.config().methods:
        for entry in results[method]:
            network = folder.network(entry["seed"], method)
            assert network.score(test) == entry["test_accuracy"]
    digits = load_digits()
    first = folder.config().seeds[0]
    assert folder.network(first).predict(digits.images).shape == (1797,)


def test_raw_samples_give_the_predictions_of_the_splits(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(120, 4)) * 100 + 1e5, np.array(["no", "yes"])[np.arange(120) % 2]
    np.savez(tmp_path / "data.npz", x=x[40:], y=y[40:], x_test=x[:40], y_test=y[:40])
    folder = train(tmp_path / "run", dataset=str(tmp_path / "data.npz"), seeds=(0,))
    network = folder.network()
    assert network.classes == ("no", "yes")
    assert network.score(x[:40], y[:40]) == folder.results()["layerwise"][0]["test_accuracy"]


def test_an_older_folder_takes_the_statistics_from_the_data(tmp_path: Path) -> None:
    folder = train(tmp_path / "run", seeds=(0,))
    expected = folder.network().predict_proba(load_digits().images)
    path = folder.path / "checkpoints" / "layerwise-seed0.pt"
    states = torch.load(path, weights_only=True)
    torch.save({name: states[name] for name in ("network", "readout")}, path)
    assert np.array_equal(folder.network().predict_proba(load_digits().images), expected)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    folder = train(tmp_path / "run", seeds=(0,), methods=("end_to_end",))
    with pytest.raises(
        RunFolderError, match="end_to_end, seed 5, expected one of the methods end_t"
    ):
        folder.network(seed=5)
    with pytest.raises(
        RunFolderError, match="layerwise, seed 0, expected one of the methods end_to"
    ):
        folder.network(method="layerwise")
    path = folder.path / "checkpoints" / "end_to_end-seed0.pt"
    for content in (b"", b"PK\x03\x04", b"{}"):
        path.write_bytes(content)
        with pytest.raises(RunFolderError, match=r"seed0.pt: got a file of weights that does not"):
            folder.network()
    path.unlink()
    with pytest.raises(RunFolderError, match="expected the weights of a training that has ended"):
        folder.network()
    with pytest.raises(RunFolderError, match="no run there"):
        load_run(tmp_path)
