"""A measure that only this file knows: a class and a name are all that it takes."""

import json
from pathlib import Path

import pytest
from commands import run

from ibtrain.config import MEASURES
from ibtrain.mi.result import Estimate
from ibtrain.plane.measures import LayerSample, Measure, Quantity, Values


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
    heading = next(line for line in table.splitlines() if "zeros %" in line)
    assert heading.split("  ")[-1].strip() == "unannounced"
    assert "I(X;T) made up" in heading
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
    assert "I(X;T) channel" in done.stdout
    assert (folder / "plane.png").exists()
    assert not (folder / "layers.png").exists()


@pytest.mark.parametrize("measures", ["nothing", "mine,mine", ""])
def test_measures_that_cannot_be_are_named(tmp_path: Path, measures: str) -> None:
    done = run("compare", "--measures", measures, "--run-dir", tmp_path / "run")
    assert done.exit_code == 2
    assert "plane measures: got" in done.stderr
