"""``ibtrain sweep FILE.toml``."""

import json
from pathlib import Path

import pytest
from commands import run

from ibtrain.cli.plan import Plan
from ibtrain.errors import ConfigError

LADDER = """
seeds = [0, 1]
margin = 1.0
epochs = 1
plane.points = 0

[vary]
train_share = [0.3, 0.5]

[cells.backprop]
methods = "end-to-end"

[cells.dv]
methods = ["layerwise"]
beta = 0
hidden = [8]
objective.critic_width = 16

[compare]
baseline = "backprop"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "plan.toml"
    path.write_text(text)
    return path


def test_a_file_names_settings_values_and_cells(tmp_path: Path) -> None:
    configs = Plan.read(written(tmp_path, LADDER)).configs()
    assert list(configs) == [
        "backprop,train_share=0.3", "backprop,train_share=0.5", "dv,train_share=0.3", "dv,train_share=0.5",
    ]  # fmt: skip
    config = configs["dv,train_share=0.5"]
    assert (config.seeds, config.margin, config.methods) == ((0, 1), 1.0, ("layerwise",))
    assert (config.train_share, config.model.hidden, config.plane.points) == (0.5, (8,), 0)
    assert (config.objective.beta, config.objective.critic_width) == ((0,), 16)
    assert config.layerwise is not None
    assert config.layerwise.epochs == 1
    assert configs["backprop,train_share=0.3"].methods == ("end_to_end",)


def test_lists_are_values_and_lists_in_lists_are_single_values(tmp_path: Path) -> None:
    text = "[vary]\nbeta = [0, [0.1, 0, 0]]\nhidden = [[8], [16, 8]]\n'optim.batch_size' = [32]\n"
    configs = Plan.read(written(tmp_path, text)).configs()
    settings = [(config.objective.beta, config.model.hidden) for config in configs.values()]
    assert settings == [
        ((0,), (8,)), ((0,), (16, 8)), ((0.1, 0, 0), (8,)), ((0.1, 0, 0), (16, 8)),
    ]  # fmt: skip


@pytest.mark.slow
def test_the_rungs_of_a_ladder_are_compared_where_the_rest_agrees(tmp_path: Path) -> None:
    words = ["sweep", written(tmp_path, LADDER), "--run-dir", tmp_path / "sweep"]
    result = run(*words, "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    pairs = [(row["first"]["run"], row["second"]["run"]) for row in document["comparisons"]]
    assert pairs == [
        ("dv,train_share=0.3", "backprop,train_share=0.3"),
        ("dv,train_share=0.5", "backprop,train_share=0.5"),
    ]
    shown = run(*words)
    assert "epoch 1/1" not in shown.stderr
    assert shown.stdout.startswith("run ")
    # options override the file
    again = run(*words, "--margin", "2", "--run-dir", tmp_path / "other", "--epochs", "1", "--json")
    assert json.loads(again.stdout)["comparisons"][0]["margin"] == 0.02


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("betta = 1", "plan.toml: setting: got 'betta', expected the name of a training option"),
        ("[cells.a]\nbetta = 1", "plan.toml: cells.a: setting: got 'betta'"),
        ("[cells.a]\nbeta = -1", "plan.toml: cells.a: beta: got -1, expected a finite number of 0 or more"),
        ("[cells]\na = 1", "plan.toml: cells.a: got 1, expected a table of settings"),
        ("cells = 3", "plan.toml: cells: got 3, expected a table of settings"),
        ("[cells.'a b']\nbeta = 1", "plan.toml: cells: got 'a b', expected letters, digits"),
        ("[vary]\nbeta = 3", "plan.toml: vary: objective.beta: got 3, expected a list of values"),
        ("[vary]\nbeta = []", "expected a list of values, such as [0, 1e-3], or a range"),
        ("[vary]\nlr = '1e-4..x'", "plan.toml: vary: range: got '1e-4..x', expected LOW..HIGH"),
        ("[vary]\nbeta = [1]\nobjective.beta = [2]", "plan.toml: vary: got 'objective.beta', expected objective.beta only once"),
        ("[vary]\nbeta = [1]\n[compare]\nbasline = 'x'", "compare: got 'basline', expected baseline or by (did you mean 'baseline'?)"),
        ("[vary]\nbeta = [1]\n[compare]\nby = 'x'", "plan.toml: compare: setting: got 'x'"),
    ],
)  # fmt: skip
def test_mistakes_name_their_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Plan.read(written(tmp_path, text)).configs()
    assert message in str(caught.value)


def test_mistakes_are_answered_in_one_line(tmp_path: Path) -> None:
    path = written(tmp_path, LADDER)
    for words, message in (
        ([], "nothing to vary, expected --vary SETTING=VALUE,... or a FILE.toml"),
        ([tmp_path / "none.toml"], "none.toml: got no such file, expected a .toml or .json file"),
        ([path, "--config", path], "expected one file of settings"),
        ([path, "--baseline", "dvv"], "did you mean 'dv'?"),
        (["--vary", "lr=1e-4..1e-2:log"], "got 0.0001..0.01:log, expected values, or --search with a range"),
        (["--vary", "lr=1e-2..1e-4"], "--vary lr: got 0.0001, expected a finite number above 0.01"),
        (["--vary", "lr=0..1:log"], "got 0.0, expected a lowest number above 0 with :log"),
        (["--vary", "batch-size=1.5..3"], "got '1.5..3', expected LOW..HIGH or LOW..HIGH:log, with whole numbers"),
    ):  # fmt: skip
        result = run("sweep", *words)
        assert result.exit_code == 2
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_numbers_name_a_run_as_the_command_line_does(tmp_path: Path) -> None:
    text = "[vary]\nbeta = [0, 1]\nepochs = [1]\nnoise_std = [[1, 0.5]]\n"
    names = [*Plan.read(written(tmp_path, text)).configs()]
    assert names == [
        "beta=0.0,epochs=1,noise_std=1.0-0.5", "beta=1.0,epochs=1,noise_std=1.0-0.5",
    ]  # fmt: skip


CELLS = "[cells.a]\nbeta = 0\n[cells.b]\nbeta = 1\nmethods = 'layerwise'\n"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (CELLS, "--beta 0.5", "cells.a: got objective.beta, which is an option too, expected it there"),
        (CELLS, "--methods end-to-end", "cells.b: got methods, which is an option too"),
        (CELLS, "--vary beta=0,1", "cells.a: got objective.beta, which varies, expected it in one of both"),
        (CELLS + "[vary]\nbeta = [0, 1]\n", "", "cells.a: got objective.beta, which varies"),
        ("[vary]\nbeta = [0, 1]\n", "--beta 3", "options: got objective.beta, which varies, expected a value"),
        ("", "--vary beta=0,1 --beta 3", "options: got objective.beta, which varies"),
        ("", "--vary lr=0.1 --vary lr=1e-4..1e-2", "--vary: got optim.learning_rate twice, expected values, or one range"),
        ("", "--search 2 --vary lr=0.1,0.2 --baseline previous", "--baseline: got previous, expected neither with --search"),
        ("", "--search 2 --vary lr=0.1..0.01", "--vary lr: got 0.01, expected a finite number above 0.1"),
        *(("", f"--vary hidden={text}", f"--vary hidden: got '{text}', expected values separated by commas, each list in brackets")
          for text in ("[10],[20", "10,20]", "[10,[20]]", "[0,1")),
    ],
)  # fmt: skip
def test_a_value_that_another_would_hide_is_refused(
    tmp_path: Path, text: str, options: str, message: str
) -> None:
    words = ["sweep", written(tmp_path, text), *options.split(), "--run-dir", tmp_path / "sweep"]
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert not (tmp_path / "sweep").exists()
