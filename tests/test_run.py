"""A run in a folder, from Python."""

from dataclasses import replace
from pathlib import Path

import pytest

from ibtrain import ModelConfig, OptimConfig, PlaneConfig, RunConfig, run
from ibtrain.errors import RunFolderError
from ibtrain.train.callbacks import Event

FAST = OptimConfig(epochs=2)
CONFIG = RunConfig(
    seeds=(0,),
    model=ModelConfig(hidden=(8,)),
    layerwise=FAST,
    end_to_end=FAST,
    plane=PlaneConfig(points=2, measures=("probe",)),
    threads=1,
)


class StopError(Exception):
    """Ends a run as a process ends."""


def test_a_run_goes_on_where_it_was_interrupted_and_is_then_left_as_it_is(tmp_path: Path) -> None:
    expected = run(CONFIG, tmp_path / "whole")
    epochs: list[Event] = []

    def stop_after_three(event: Event) -> None:
        if event.kind == "epoch":
            epochs.append(event)
        if len(epochs) == 3:
            raise StopError

    with pytest.raises(StopError):
        run(CONFIG, tmp_path / "stopped", callbacks=[stop_after_three], checkpoint_every="1")
    found = run(CONFIG, str(tmp_path / "stopped"), callbacks=[epochs.append])
    assert found.plane_points() == expected.plane_points()
    for method in CONFIG.methods:
        (own,), (wanted,) = found.results()[method], expected.results()[method]
        assert own["test_accuracy"] == wanted["test_accuracy"]
    assert len([e for e in epochs if e.kind == "epoch"]) < 2 * 6
    assert not list((tmp_path / "stopped" / "checkpoints").glob("state-*"))
    before = (found.path / "metrics.jsonl").read_bytes()
    assert run(CONFIG, found.path).results() == found.results()
    assert (found.path / "metrics.jsonl").read_bytes() == before


def test_another_run_is_not_written_over(tmp_path: Path) -> None:
    run(CONFIG, tmp_path / "run")
    with pytest.raises(RunFolderError, match="seeds"):
        run(replace(CONFIG, seeds=(1,)), tmp_path / "run")
