"""Runs that were measured again: settings of bins, and errors that say how the new values are drawn."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from commands import run as run_command

from ibtrain import InformationPlane, ModelConfig, OptimConfig, PlaneConfig, RunConfig, run
from ibtrain.cli.measure import _replaced


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plane = PlaneConfig(measures=("binned",), samples=40, points=2, bin_range=(-1.0, 1.0))
    config = RunConfig(
        methods=("end_to_end",), seeds=(0,), model=ModelConfig(hidden=(5,)), plane=plane,
        end_to_end=OptimConfig(epochs=2), save=("activations",),
    )  # fmt: skip
    return run(config, tmp_path_factory.mktemp("measured") / "mine").path


def test_a_size_of_bins_replaces_the_range_of_the_run_and_vice_versa(
    folder: Path, tmp_path: Path
) -> None:
    command = ("measure", folder, "--measures", "binned", "-o", tmp_path / "binned.csv")
    options = (["--bin-size", "0.5"], ["--bin-rule", "activation"], ["--bin-range", "0,1"])
    sized, ruled, ranged = (run_command(*command, *option) for option in options)
    assert (sized.exit_code, ranged.exit_code) == (0, 0), sized.stderr
    assert "activation functions are not saved" in ruled.stderr
    both = run_command(*command, "--bin-size", "0.5", "--bin-range", "0,1")
    assert "got 0.5 and another range or rule" in both.stderr


@pytest.mark.parametrize(
    ("run", "given", "expected"),
    [
        ({"bin_range": (-1.0, 1.0), "bin_rule": "idnns"}, {"bin_size": 0.5}, ((), 0.5, "equal")),
        ({"bin_size": 0.5}, {"bin_range": (0.0, 1.0)}, ((0.0, 1.0), 0.0, "equal")),
        ({"bin_size": 0.5}, {"bin_rule": "idnns"}, ((), 0.0, "idnns")),
        ({"bin_rule": "idnns"}, {"bin_range": (0.0, 1.0)}, ((0.0, 1.0), 0.0, "idnns")),
        ({"bin_rule": "activation"}, {"bin_range": (0.0, 1.0)}, ((0.0, 1.0), 0.0, "equal")),
        ({"bin_size": 0.5}, {"num_bins": 9}, ((), 0.5, "equal")),
    ],
)
def test_given_bins_replace_those_of_the_run(
    run: dict[str, Any], given: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    plane = PlaneConfig(**run)
    bins = replace(plane, **{**_replaced(plane, given), **given})
    assert (bins.bin_range, bins.bin_size, bins.bin_rule) == expected


def test_an_error_says_how_values_measured_again_are_drawn(folder: Path) -> None:
    command = ("plane", folder, "--measure", "channel")
    assert "InformationPlane" not in run_command(*command).stderr
    assert run_command("measure", folder, "--measures", "channel").exit_code == 0
    result = run_command(*command)
    path = str(folder / "plane-channel.csv")
    assert result.exit_code == 2
    assert f"in Python, InformationPlane.load({path!r}).plot(measure='channel')" in result.stderr
    axis = InformationPlane.load(path).plot(measure="channel")
    assert axis.get_xlabel() == "I(X; T)  [nats]"
    assert "did you mean 'binned'?" in run_command("plane", folder, "--measure", "bined").stderr


def test_a_style_without_its_measure_names_the_run(folder: Path) -> None:
    expected = f"got {folder}, which was not measured with gradients, expected a run with --measures gradients"
    assert expected in run_command("plane", folder, "--style", "gradients").stderr
