"""Names in another spelling are accepted, or the near one is offered; lists in another notation are explained."""

from pathlib import Path

import pandas as pd
import pytest
from commands import run as run_command

from ibtrain import Dataset, ModelConfig, OptimConfig, PlaneConfig, RunConfig, mlp, run
from ibtrain.errors import DataError, ModelError


def test_a_style_that_is_near_is_offered(tmp_path: Path) -> None:
    result = run_command("plane", tmp_path, "--style", "epoch")
    assert "(did you mean 'epochs'?)" in result.stderr


def test_a_column_and_an_activation_that_are_near_are_offered() -> None:
    frame = pd.DataFrame({"a": [0.0, 1.0], "target": [0, 1]})
    with pytest.raises(DataError, match=r"\(did you mean 'target'\?\)"):
        Dataset.from_frame(frame, target="Target")
    with pytest.raises(ModelError, match=r"\(did you mean 'relu'\?\)"):
        mlp(4, [3], 2, activation="Relu")


def test_a_method_has_two_spellings(tmp_path: Path) -> None:
    arguments = ["--plane-points", "0", "--epochs", "1", "--hidden", "5", "--seeds", "0"]
    sweep = ("sweep", "--vary", "beta=0", "--methods", "end_to_end", "--run-dir", tmp_path / "s")
    assert run_command(*sweep, *arguments).exit_code == 0
    config = RunConfig(
        methods=("end_to_end",), seeds=(0,), model=ModelConfig(hidden=(5,)),
        end_to_end=OptimConfig(epochs=1), plane=PlaneConfig(points=0),
    )  # fmt: skip
    folder = run(config, tmp_path / "run")
    for method in ("end-to-end", "end_to_end"):
        assert folder.network(seed=0, method=method).classes  # type: ignore[arg-type]


def test_a_list_with_spaces_is_explained() -> None:
    result = run_command("train", "layerwise", "--hidden", "100", "40")
    assert "extra argument (40): values of a list have commas between them" in result.stderr
    assert "commas" not in run_command("train", "layerwise", "other").stderr


@pytest.mark.parametrize(
    ("given", "end"),
    [("0-2", "commas: 0,1,2\n"), ("2-0", "commas\n"), ("0-9999", "commas\n"), ("a", "commas\n")],
)
def test_a_range_of_seeds_is_written_out(given: str, end: str) -> None:
    assert run_command("compare", "--seeds", given).stderr.endswith(end)
