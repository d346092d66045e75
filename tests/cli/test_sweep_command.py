"""``ibtrain sweep``."""

import json
from pathlib import Path

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
    assert (tmp_path / "sweep" / "sweep.png").stat().st_size > 10_000
    # the second time nothing is trained
    again = run(*words, "--run-dir", tmp_path / "sweep", "--json")
    document = json.loads(again.stdout)
    assert document["varied"] == [
        "objective.beta", "layerwise.batch_size", "end_to_end.batch_size",
    ]  # fmt: skip
    assert "epoch 1/1" not in again.stderr


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
        ("betta=3", "got 'betta=3', expected SETTING=VALUE,... with the name of a training option"),
        ("betta=3", "(did you mean 'beta'?)"),
        ("lr=x", "lr: 'x' is not a valid float"),
        ("beta", "got 'beta', expected SETTING=VALUE"),
        ("beta=x", "beta: got 'x', expected numbers separated by commas"),
        ("beta=1,1", "expected no value twice"),
        ("activation=foo", "'foo' is not one of 'relu'"),
    ):
        result = run("sweep", "--vary", vary)
        assert result.exit_code == 2
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1
