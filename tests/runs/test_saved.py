"""What --save writes at every point of the plane."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ibtrain import ModelConfig, OptimConfig, PlaneConfig, RunConfig, load_dataset, mlp, run
from ibtrain.errors import ConfigError, RunFolderError
from ibtrain.plane.samples import draw_index, measured_samples
from ibtrain.runs.saved import check_disk, saved_bytes
from ibtrain.runs.setup import RunSetup

PLANE = PlaneConfig(measures=("channel",), samples=30, points=2, points_per_epoch=2)
OPTIM = OptimConfig(epochs=1, batch_size=128)
CONFIG = RunConfig(
    seeds=(3,),
    model=ModelConfig(hidden=(5,)),
    layerwise=OPTIM,
    end_to_end=OPTIM,
    plane=PLANE,
    save=("weights", "activations", "gradients"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved")
    run(CONFIG, path)
    return path / "saved"


def test_there_is_a_file_for_each_stage_and_moment(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        f"{stage}-epoch{epoch}.npz"
        for stage in ("end_to_end-seed3-0-network", "layerwise-seed3-0-hidden1", "layerwise-seed3-1-output")
        for epoch in ("0", "0.545455", "1")
    }  # fmt: skip


def test_saved_weights_give_the_saved_activations(folder: Path) -> None:
    data = load_dataset("digits")
    x = data.test.x[measured_samples(data, PLANE)["test"]]
    for epoch in ("0", "1"):
        arrays = np.load(folder / f"end_to_end-seed3-0-network-epoch{epoch}.npz")
        model = mlp(64, (5,), 10)
        weights = {
            name.removeprefix("weights."): torch.from_numpy(arrays[name])
            for name in arrays.files
            if name.startswith("weights.")
        }
        model.load_state_dict(weights)
        with torch.no_grad():
            hidden = model.hidden1(x)
            np.testing.assert_allclose(arrays["activations.hidden1"], hidden, atol=1e-6)
            np.testing.assert_allclose(arrays["activations.output"], model(x), atol=1e-6)


def test_saved_gradients_are_those_of_the_saved_weights(folder: Path) -> None:
    """Of cross-entropy, whose mean over batches of one size is that of all samples."""
    data = load_dataset("digits")
    rows = draw_index(len(data.train), PLANE.train_samples)
    rows = rows[: len(rows) // PLANE.batch_size * PLANE.batch_size]
    arrays = np.load(folder / "end_to_end-seed3-0-network-epoch1.npz")
    model = mlp(64, (5,), 10)
    model.load_state_dict({n: torch.from_numpy(arrays[f"weights.{n}"]) for n in model.state_dict()})
    scores, y = model(data.train.x[rows]), data.train.y[rows]
    torch.nn.functional.cross_entropy(scores, y, label_smoothing=0.1).backward()
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(arrays[f"gradients.{name}"], parameter.grad, atol=1e-6)


def test_the_announced_size_is_that_of_the_arrays(folder: Path) -> None:
    arrays = [np.load(path) for path in folder.iterdir()]
    size = sum(file[name].nbytes for file in arrays for name in file.files if "." in name)
    assert saved_bytes(RunSetup(CONFIG)) == size


def test_a_disk_without_room_is_refused_before_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(RunFolderError, match="got 1 MiB to be saved, and 1 MiB free"):
        run(CONFIG, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    check_disk(tmp_path, 1000)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"save": ("loss",)}, "save: got 'loss', expected one of weights, activations, gradients"),
        ({"save": ("weights",), "plane": PlaneConfig(points=0)}, "plane points: got 0 with save"),
    ],
)
def test_what_cannot_be_saved_is_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RunConfig(**settings)  # type: ignore[arg-type]
