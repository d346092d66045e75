"""``ibtrain plane`` and ``ibtrain runs --watch`` as a user meets them."""

import json
import shutil
import time
from pathlib import Path

import pytest
from commands import run
from pictures import network_points

from ibtrain.config import RunConfig
from ibtrain.report.pictures import plane_panels
from ibtrain.runs import RunFolder

LAYERS = ("hidden1", "output")


@pytest.fixture
def unfinished(tmp_path: Path) -> Path:
    """A run that is still training: it has its settings and its events so far."""
    path = tmp_path / "running"
    path.mkdir()
    (path / "config.json").write_text(RunConfig(seeds=(0, 1)).to_json())
    points = [{"event": "plane", "point": p.to_dict()} for p in network_points(LAYERS, 2)]
    epochs = [
        {"event": "epoch", "method": "layerwise", "seed": 0, "stage": "hidden1", "epoch": epoch}
        | {"test_accuracy": 0.5 + 0.1 * epoch}
        for epoch in (1, 2)
    ]
    lines = [json.dumps(event) + "\n" for event in (*epochs, *points)]
    (path / "metrics.jsonl").write_text("".join(lines))
    return path


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ([], "plane"),
        (["--style", "layers"], "plane"),
        (["--style", "epochs", "--seeds", "median", "--measure", "channel"], "plane-epochs"),
        (
            ["--style", "curves", "--seeds", "all", "--unit", "bits", "--measure", "mine,channel"],
            "plane-curves",
        ),
        (["--at", "0,2,20"], "plane-layers"),
        (["--until", "2"], "plane-layers"),
    ],
)
def test_a_run_in_progress_is_drawn_to_a_file_of_its_own(
    unfinished: Path, options: list[str], name: str
) -> None:
    before = set(unfinished.iterdir())
    result = run("plane", unfinished, *options)
    assert (result.exit_code, result.stderr) == (0, "")
    (picture,) = set(unfinished.iterdir()) - before
    assert picture.name == f"{name}.png"
    assert picture.stat().st_size > 5000
    assert result.stdout == f"{picture}\n"


def test_several_runs_do_not_replace_the_picture_of_the_first(unfinished: Path) -> None:
    run("plane", unfinished)
    before = (unfinished / "plane.png").read_bytes()
    result = run("plane", unfinished, unfinished)
    assert (result.exit_code, result.stderr) == (0, "")
    assert (unfinished / "plane-layers.png").exists()
    assert (unfinished / "plane.png").read_bytes() == before


def test_the_last_points_of_runs_with_several_training_shares_are_drawn(
    unfinished: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(unfinished, other)
    (other / "config.json").write_text(RunConfig(seeds=(0, 1), train_share=0.1).to_json())
    result = run("plane", unfinished, other, "--style", "shares", "--measure", "channel")
    assert (result.exit_code, result.stderr) == (0, "")
    assert (unfinished / "plane-shares.png").stat().st_size > 5000
    assert not (unfinished / "plane.png").exists()


def test_a_seed_in_training_is_left_out_once_another_is_finished(unfinished: Path) -> None:
    folder = RunFolder.open(unfinished)
    (panel,) = plane_panels(folder)
    assert {point.seed for point in panel.points} == {0, 1}
    with open(unfinished / "metrics.jsonl", "a") as file:
        file.write('{"event": "result", "method": "layerwise", "seed": 0}\n')
    (panel,) = plane_panels(folder)
    assert {point.seed for point in panel.points} == {0}
    assert panel.accuracies["hidden1"] == [(1, 0.6), (2, 0.7)]


def test_only_layer_wise_training_has_a_beta(unfinished: Path) -> None:
    text = (unfinished / "metrics.jsonl").read_text()
    backprop = text.replace('"method": "layerwise"', '"method": "end_to_end"')
    (panel,) = plane_panels(RunFolder.open(unfinished))
    assert "β" in panel.training
    (unfinished / "metrics.jsonl").write_text(backprop)
    (panel,) = plane_panels(RunFolder.open(unfinished))
    assert panel.training == ""
    assert "β" not in panel.noise + panel.title


@pytest.mark.parametrize(
    "event", ['{"event": "epoch", "epoch": "x", "test_accuracy": 1.0}', '{"event": "result"}']
)
def test_a_broken_event_is_told(unfinished: Path, event: str) -> None:
    with open(unfinished / "metrics.jsonl", "a") as file:
        file.write(event + "\n")
    result = run("plane", unfinished)
    assert result.exit_code == 2
    assert "metrics.jsonl: got a" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--measure", "binned"], "'binned', expected one of channel, mine"),
        (["--at", "1,x"], "got '1,x', expected numbers separated by commas"),
        (
            ["--at", "0,20,20.5,21"],
            "--at: got 21, expected epochs up to 20, at which the plane was last measured",
        ),
        (["--until", "-1"], "--until: got -1.0"),
        (["--until", "nan"], "--until: got nan"),
        (["--until", "1", "--at", "2"], "got --until and --at, expected one of them"),
        (
            ["--style", "units"],
            "running, which was not measured with binned, expected a run with --measures binned",
        ),
        (["--style", "shares"], "got runs with one training share, 1, expected runs with several"),
        (["--style", "gradients", "--at", "2"], "got 'gradients', expected one of layers, epochs"),
        (["--style", "profile", "-o", "a.gif"], "got '.gif', expected"),
        (["--seeds", "best"], "'best' is not one of 'mean', 'median', 'all'"),
    ],
)
def test_a_choice_that_is_none_is_told(unfinished: Path, options: list[str], message: str) -> None:
    result = run("plane", unfinished, *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(unfinished.glob("*.png"))


def test_runs_are_watched_until_an_interruption(
    unfinished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", wait)
    result = run("runs", unfinished.parent, "--watch")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.count("unfinished, 70.00") == 3
    assert waits == [2.0] * 3
