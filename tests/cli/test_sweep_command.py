"""``ibtrain sweep``."""

import csv
import json
from pathlib import Path

import pytest
from commands import run

QUICK = ["--epochs", "1", "--seeds", "0,1", "--plane-points", "0"]


def test_a_table_a_picture_and_a_folder_for_each_run(tmp_path: Path) -> None:
    words = ["sweep", "--vary", "beta=0,[0.1,0,0]", "--vary", "batch-size=64,full", *QUICK]
    result = run(*words, "--run-dir", tmp_path / "sweep")
    assert result.exit_code == 0
    assert "4 runs in" in result.stderr
    assert result.stdout.count("(") == 4
    cells = sorted(path.parent.name for path in tmp_path.rglob("results.json"))
    assert cells == [
        "beta=0.0,batch_size=0", "beta=0.0,batch_size=64",
        "beta=0.1-0.0-0.0,batch_size=0", "beta=0.1-0.0-0.0,batch_size=64",
    ]  # fmt: skip
    assert "(pictures: sweep.png, sweep-map.png)" in result.stderr
    for name in ("sweep.png", "sweep-map.png"):
        assert (tmp_path / "sweep" / name).stat().st_size > 10_000
    # the second time nothing is trained
    again = run(*words, "--run-dir", tmp_path / "sweep", "--json")
    document = json.loads(again.stdout)
    assert document["shared"]["dataset"] == "digits"
    assert {"command", "git_commit", "versions", "threads"} <= {*document["environment"]}
    assert document["varied"] == [
        "objective.beta", "layerwise.batch_size", "end_to_end.batch_size",
    ]  # fmt: skip
    assert "epoch 1/1" not in again.stderr
    table = run("runs", tmp_path / "sweep", "--columns", "--beta,lr").stdout
    assert table.splitlines()[0].split()[:3] == [
        "beta", "layerwise.learning_rate", "end_to_end.learning_rate",
    ]  # fmt: skip
    rows = list(csv.DictReader(run("runs", tmp_path / "sweep", "--csv").stdout.splitlines()))
    assert len(rows) == 16
    assert {row["objective.beta"] for row in rows} == {"0", "0.1,0,0"}
    first = document["runs"][0]
    values = [
        float(row["test_accuracy"])
        for row in rows
        if (row["run"], row["method"]) == (first["name"], "layerwise")
    ]
    assert values == list(first["accuracies"]["layerwise"]["test"].values())


def test_the_document_has_the_environment_of_the_last_training(tmp_path: Path) -> None:
    words = ["sweep", "--vary", "beta=0,0.1", *QUICK, "--seeds", "0", "--run-dir", tmp_path]
    assert run(*words).exit_code == 0
    for name, year in (("beta=0.0", 2001), ("beta=0.1", 2002)):
        file = tmp_path / name / "environment.json"
        found = json.loads(file.read_text())
        file.write_text(json.dumps({**found, "started": f"{year}-01-01T00:00:00+00:00"}))
    document = json.loads(run(*words, "--json").stdout)
    assert document["environment"]["started"].startswith("2002")


def test_runs_are_compared_with_each_other(tmp_path: Path) -> None:
    words = ["sweep", "--vary", "epochs=1,2,3", "--seeds", "0,1,2", "--plane-points", "0"]
    words += ["--methods", "end-to-end", "--run-dir", str(tmp_path / "sweep"), "--margin", "0.5"]
    words += ["--label-smoothing", "0"]
    result = run(*words, "--baseline", "previous", "--json")
    document = json.loads(result.stdout)
    pairs = [(row["first"]["run"], row["second"]["run"]) for row in document["comparisons"]]
    assert pairs == [("epochs=2", "epochs=1"), ("epochs=3", "epochs=2")]
    values = [list(r["accuracies"]["end_to_end"]["test"].values()) for r in document["runs"]]
    first = document["comparisons"][0]
    assert first["value"] == pytest.approx(sum(values[1]) / 3 - sum(values[0]) / 3)
    assert (first["margin"], first["outcome"]) == (0.005, "better")
    assert first["verdict"].startswith("epochs=2 is better than epochs=1 by")
    again = run(*words, "--compare-by", "epochs")
    assert "(pictures: sweep.png, sweep-curve.png)" in again.stderr
    assert (tmp_path / "sweep" / "sweep-curve.png").stat().st_size > 10_000
    text = " ".join(again.stdout.split())
    assert "epochs=3 epochs=1 end-to-end +" in text
    assert "run against run, 2 comparisons at 5 %, Holm-adjusted: better in 2" in text


def test_wrong_comparisons_are_found_before_the_training(tmp_path: Path) -> None:
    words = ["sweep", "--vary", "beta=0,1", "--run-dir", str(tmp_path / "sweep")]
    for options, message in (
        (["--baseline", "beta=0"], "baseline: got 'beta=0', expected previous, or the name of a run, such as beta=0.0"),
        (["--compare-by", "lr"], "got 'layerwise.learning_rate', expected a setting in which the runs differ: objective.beta"),
        (["--compare-by", "beta", "--baseline", "beta=0.0"], "expected previous, or nothing, with a setting"),
        (["--compare-by", "bta"], "did you mean 'beta'?"),
        (["--margin", "-1"], "margin: got -1.0, expected a finite number above 0"),
    ):  # fmt: skip
        result = run(*words, *options)
        assert result.exit_code == 2
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "sweep").exists()


def test_columns_are_settings(tmp_path: Path) -> None:
    result = run("runs", tmp_path, "--columns", "bta")
    assert result.exit_code == 2
    assert "got 'bta', expected the name of a training option" in result.stderr
    assert run("runs", tmp_path, "--csv", "--watch").exit_code == 2
    assert run("runs", tmp_path, "--csv").stdout.startswith("run,method,seed,test_accuracy")
    assert run("runs", tmp_path, "--columns", "beta").stdout.startswith("beta")


def test_one_method_alone(tmp_path: Path) -> None:
    words = ["sweep", "--vary", "hidden=[8],[16,8]", "--methods", "end-to-end", *QUICK]
    result = run(*words, "--run-dir", tmp_path / "sweep")
    assert result.exit_code == 0
    assert "layer-wise" not in result.stdout
    assert "16,8" in result.stdout


def test_failed_runs_are_told_and_give_exit_code_1(tmp_path: Path) -> None:
    words = ["sweep", "--vary", "beta=0,[0,0,0,0,0]", *QUICK, "--run-dir", tmp_path / "sweep"]
    result = run(*words)
    assert result.exit_code == 1
    assert "beta=0.0-0.0-0.0-0.0-0.0 failed: beta: got 5 values" in result.stdout
    assert "Error: 1 of 2 runs failed: beta=0.0-0.0-0.0-0.0-0.0" in result.stderr


def test_mistakes_are_answered_in_one_line() -> None:
    for vary, message in (
        ("betta=3", "got 'betta', expected the name of a training option"),
        ("betta=3", "(did you mean 'beta'?)"),
        ("lr=x", "lr: 'x' is not a valid float"),
        ("beta", "got 'beta', expected SETTING=VALUE,... such as beta=0,1e-3"),
        ("beta=x", "beta: got 'x', expected numbers separated by commas"),
        ("beta=1,1", "expected no value twice"),
        ("activation=foo", "'foo' is not one of 'relu'"),
    ):
        result = run("sweep", "--vary", vary)
        assert result.exit_code == 2
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1
