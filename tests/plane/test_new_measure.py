"""A measure that only this file knows: a class and a name are all that it takes."""

import json
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from commands import run

from ibtrain.config import MEASURES, OptimConfig, PlaneConfig
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ModelError
from ibtrain.mi.result import Estimate
from ibtrain.models.mlp import mlp
from ibtrain.plane.measures import LayerSample, Measure, Quantity, Values
from ibtrain.plane.tracker import InformationPlane
from ibtrain.train.end_to_end import EndToEndTrainer


class Sparsity(Measure):
    """How many activations are zero, with a plane of made-up numbers."""

    quantities = (
        Quantity("zeros", "zeros %", "%"),
        Quantity("made_up_xt", "I(X;T) made up"),
        Quantity("made_up_ty", "I(T;Y) made up"),
    )
    axes = "made_up_xt", "made_up_ty"
    title = "made up"

    def measure(self, layer: LayerSample) -> Values:
        zeros = (layer.h_test == 0).float().mean().item()
        xt, ty = Estimate(3.0, 0.1, "made up", 5.0), Estimate(1.0, 0.1, "made up", 2.3)
        return {"zeros": zeros, "made_up_xt": xt, "made_up_ty": ty, "unannounced": 0.125}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(MEASURES, "sparsity", f"{__name__}:Sparsity")
    folder = tmp_path / "run"
    options = ["--epochs", "2", "--seeds", "0,1", "--hidden", "8", "--plane-points", "3"]
    done = run("compare", *options, "--measures", "sparsity,probe", "--run-dir", folder)
    assert done.exit_code == 0, done.stderr
    (tmp_path / "table.txt").write_text(done.stdout)
    return folder


def test_it_is_measured_and_shown_everywhere(folder: Path, tmp_path: Path) -> None:
    events = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    points = [event["point"] for event in events if event["event"] == "plane"]
    names = {"sigma", "activation_scale", "zeros", "made_up_xt", "made_up_ty", "unannounced",
             "probe_accuracy", "method", "seed", "layer", "epoch"}  # fmt: skip
    assert all({*point} == names for point in points)
    hidden = [point["zeros"] for point in points if point["layer"] == "hidden1"]
    assert all(0 < share < 1 for share in hidden)
    table = (tmp_path / "table.txt").read_text()
    headings = [line.split("  ") for line in table.splitlines() if " layer " in line]
    assert headings[-1][-1].strip() == "unannounced"
    assert "zeros %" in table
    assert "I(X;T) made up" in table
    assert "mine" not in table
    for name in ("plane.png", "layers.png", "curves.png"):
        assert (folder / name).stat().st_size > 10_000


def test_a_run_is_shown_where_the_measure_is_gone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(MEASURES, "sparsity")
    shown = run("plane", folder, "-o", folder / "again.png")
    assert shown.exit_code == 2
    assert "'sparsity', expected one of" in shown.stderr


def test_only_what_is_chosen_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibtrain.plane.measures.mine.LayerCritics.fit", None)
    folder = tmp_path / "run"
    options = ["--epochs", "1", "--seeds", "0", "--hidden", "8", "--plane-points", "2"]
    done = run("train", "end-to-end", *options, "--measures", "channel", "--run-dir", folder)
    assert done.exit_code == 0, done.stderr
    assert "I(X;T) exact" in done.stdout
    assert (folder / "plane.png").exists()
    assert not (folder / "layers.png").exists()


@pytest.mark.parametrize("measures", ["nothing", "mine,mine", ""])
def test_measures_that_cannot_be_are_named(tmp_path: Path, measures: str) -> None:
    done = run("compare", "--measures", measures, "--run-dir", tmp_path / "run")
    assert done.exit_code == 2
    assert "plane measures: got" in done.stderr


class Careless(Measure):
    """Gives what its test has it give."""

    quantities = (Quantity("announced", "announced"),)
    values: ClassVar[dict[str, object]] = {}
    spoils = False

    def measure(self, layer: LayerSample) -> Values:
        if self.spoils:
            layer.h_test.zero_()
        return self.values  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("values", "spoils", "message"),
    [
        ({}, False, "Careless: got no value for announced, expected all quantities"),
        ({"announced": torch.ones(1)}, False, "Careless: got announced: a Tensor, expected an Estimate or a number"),
        ({"announced": 1.0, "sigma": 2.0}, False, "Careless: got a value called sigma"),
        ({"announced": 1.0, "layer": 2.0}, False, "Careless: got a value called layer"),
        ({"announced": 1.0}, True, "Careless: got activations changed in place"),
    ],
)  # fmt: skip
def test_what_a_measure_gives_is_checked(
    toy: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    values: dict[str, object],
    spoils: bool,
    message: str,
) -> None:
    monkeypatch.setitem(MEASURES, "careless", f"{__name__}:Careless")
    monkeypatch.setattr(Careless, "values", values)
    monkeypatch.setattr(Careless, "spoils", spoils)
    plane = InformationPlane(toy, config=PlaneConfig(measures=("careless",)))
    model = mlp(toy.dim_x, (8,), toy.num_classes)
    with pytest.raises(ModelError, match=message):
        EndToEndTrainer(model, OptimConfig(epochs=1), callbacks=[plane]).fit(toy)


def test_a_measure_without_quantities_is_told_when_it_is_written() -> None:
    with pytest.raises(TypeError, match="Empty declares no quantities"):

        class Empty(Measure):
            def measure(self, layer: LayerSample) -> Values:
                return {}


def test_a_measure_that_is_not_chosen_need_not_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MEASURES, "gone", "ibtrain.plane.measures.gone:Gone")
    options = ["--epochs", "1", "--seeds", "0", "--hidden", "8", "--plane-points", "2"]
    done = run("train", "end-to-end", *options, "--measures", "probe", "--run-dir", tmp_path / "r")
    assert done.exit_code == 0, done.stderr
    assert "probe %" in done.stdout
