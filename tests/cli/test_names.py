"""Names that are nearly right: they are accepted, or the message names the right one."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from commands import run

from ibtrain.cli.main import cli
from ibtrain.cli.options import SETTINGS

STOP = ("--epochs", "0")
"""A mistake that is found after names are understood."""
STOPPED = "epochs: got 0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["comapre"], "No such command 'comapre' (did you mean 'compare'?)"),
        (["train", "backprop", *STOP], STOPPED),
        (["train", "layer-wise", *STOP], STOPPED),
        (["train", "end_to_end", *STOP], STOPPED),
        (["compare", "--lr", "0"], "learning_rate: got 0.0"),
        (["compare", "--learnig-rate", "1"], "Did you mean '--learning-rate'?"),
        (["compare", "--activation", "TANH", "--optimizer", "Adam", *STOP], STOPPED),
        (["compare", "--activation", "thanh"], "(did you mean 'tanh'?)"),
        (["compare", "--objective", "cross_entropy"], "(did you mean 'cross-entropy'?)"),
        (["compare", "--measures", "minne"], "(did you mean 'mine'?)"),
        (["compare", "--dataset", "fashionmnist"], "(did you mean 'fashion-mnist'?)"),
        (["compare", "--model", "convnet"], "(did you mean 'conv'?)"),
        (["validate", "--method", "KSG"], "(did you mean 'ksg'?)"),
        (["validate", "--problem", "gausian-1"], "(did you mean 'gaussian-1'?)"),
    ],
)
def test_a_name_is_accepted_or_answered(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["FASHION-MNIST", "Fashion_MNIST"])
def test_data_sets_have_names_in_any_case(name: str, tmp_path: Path) -> None:
    (tmp_path / "FashionMNIST").mkdir()
    result = run("compare", "--dataset", name, "--data-root", tmp_path)
    assert result.exit_code == 2
    assert "files of FashionMNIST as torchvision stores them" in result.stderr


def test_the_case_of_a_path_stays(tmp_path: Path) -> None:
    result = run("compare", "--dataset", f"npz:{tmp_path}/My_File.npz")
    assert "/My_File.npz: got no such file" in result.stderr


@pytest.mark.parametrize(
    ("flag", "value"),
    [(flag, "1") for flag, setting in SETTINGS.items() if setting in (
        "objective.beta", "objective.noise_std", "objective.same_class", "objective.similarity")]
    + [("--order", "joint"), ("--objective", "ib"), ("--readout", "dv"),
       ("--predict-from", "clean"), ("--noise-scale", "relative")],
)  # fmt: skip
def test_backprop_refuses_options_of_the_objective(
    flag: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = run("train", "end-to-end", flag, value, *STOP)
    assert refused.exit_code == 2
    assert f"{flag} sets the objective of layer-wise training" in refused.stderr
    assert list(tmp_path.iterdir()) == []
    assert STOPPED in run("train", "layerwise", flag, value, *STOP).stderr
    assert STOPPED in run("compare", flag, value, *STOP).stderr


def test_its_help_leaves_them_out() -> None:
    assert "--beta" in run("compare", "--help").stdout
    assert "--beta" not in run("train", "end-to-end", "--help").stdout


def commands(group: click.Group, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    context, names = click.Context(group), []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        names.append((*words, name))
        if isinstance(command, click.Group):
            names += commands(command, (*words, name))
    return names


@pytest.mark.parametrize("words", [(), *commands(cli)], ids=" ".join)
def test_help_has_80_columns(words: tuple[str, ...]) -> None:
    text = run(*words, "--help").stdout
    assert text.startswith("Usage: ")
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("words", [("compare",), ("train", "layerwise"), ("train", "end-to-end")])
def test_every_option_is_in_one_group_of_the_help(words: tuple[str, ...]) -> None:
    lines = run(*words, "--help").stdout.splitlines()
    titles = [line for line in lines[1:] if line.endswith(":") and not line.startswith(" ")]
    assert titles[0] == "Data:"
    assert titles[-1] == "Run:"
    command: click.Command = cli
    for word in words:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)  # type: ignore[assignment]
    shown = [line.split()[0].rstrip(",") for line in lines if line.startswith("  -")]
    declared = [p.opts[0] for p in command.params if isinstance(p, click.Option) and not p.hidden]
    assert sorted(shown) == sorted([*declared, "-h"])


def test_versions_and_the_device_are_shown() -> None:
    command = [sys.executable, "-m", "ibtrain", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == ["ibtrain", "python", "torch", "device"]
    assert done.stderr == ""
