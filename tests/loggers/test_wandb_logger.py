"""Anything with wandb's ``log`` gets every number, with steps that never decrease."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ibtrain import ModelConfig, OptimConfig, PlaneConfig, RunConfig, run
from ibtrain.errors import ConfigError
from ibtrain.loggers import LogEntry, WandbLogger


class Recorder:
    """Has the interface of a wandb run, and refuses steps that decrease, which wandb drops."""

    def __init__(self) -> None:
        self.steps: dict[int, dict[str, float]] = {}

    def log(self, values: dict[str, float], step: int) -> None:
        assert step >= max(self.steps, default=0)
        self.steps.setdefault(step, {}).update(values)


def test_blocks_follow_one_another(train: Callable[..., Any]) -> None:
    recorder = Recorder()
    logged = train(WandbLogger(recorder))
    assert [*recorder.steps] == [0, 1, 2, 3, 4]
    for event in logged.epochs:
        values = recorder.steps[2 * event.index + event.epoch]
        for name, value in event.metrics.items():
            assert values[f"layerwise/seed5/{event.stage}/{name}"] == value
        assert values[f"layerwise/seed5/{event.stage}/epoch"] == event.epoch
    for point in logged.points:
        step = 2 * (point.layer == "output") + point.epoch
        name = f"layerwise/seed5/{point.layer}/plane/mi_xt_channel"
        assert recorder.steps[step][name] == point.estimates["mi_xt_channel"].mi


def test_a_run_passes_its_epochs_and_its_points(tmp_path: Path) -> None:
    recorder, quick = Recorder(), OptimConfig(epochs=2)
    plane = PlaneConfig(measures=("channel",), samples=50, points=2)
    config = RunConfig(
        methods=("end_to_end",),
        seeds=(0, 1),
        end_to_end=quick,
        model=ModelConfig(hidden=(4,)),
        plane=plane,
    )
    folder = run(config, tmp_path / "run", callbacks=[WandbLogger(recorder)])
    assert [*recorder.steps] == [0, 1, 2, 3, 4]
    logged = [name for values in recorder.steps.values() for name in values]
    assert folder.plane_points()
    for point in folder.plane_points():
        assert f"{point.method}/seed{point.seed}/{point.layer}/plane/sigma" in logged


def test_flags_are_counted() -> None:
    recorder = Recorder()
    flags = {"loss": ("diverging",), "other": ()}
    WandbLogger(recorder).log(LogEntry("layerwise", 0, "a", 1, {"loss": 2.0, "other": 1.0}, flags))
    assert recorder.steps[1] == {
        "layerwise/seed0/a/epoch": 1,
        "layerwise/seed0/a/loss": 2.0,
        "layerwise/seed0/a/loss_flags": 1.0,
        "layerwise/seed0/a/other": 1.0,
    }


def test_what_cannot_log_is_refused() -> None:
    with pytest.raises(ConfigError, match="WandbLogger: got a str, expected an object with a met"):
        WandbLogger("my-project")
