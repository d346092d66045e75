"""A sweep is a loop over runs: each continues where it was, and a finished one is only read."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from ibtrain import ModelConfig, ObjectiveConfig, OptimConfig, PlaneConfig, RunConfig, run

CONFIG = RunConfig(
    seeds=(0, 1),
    methods=("layerwise",),
    model=ModelConfig(hidden=(8,)),
    layerwise=OptimConfig(learning_rate=1e-2, epochs=3),
    plane=PlaneConfig(points=0),
    device="cpu",
)


def sweep(config: RunConfig, betas: list[float], folder: Path) -> dict[float, list[float]]:
    """Test accuracy of each seed, by the weight of the compression term."""
    accuracies = {}
    for beta in betas:
        cell = replace(config, objective=replace(config.objective, beta=(beta,)))
        results: dict[str, Any] = run(cell, folder / f"beta={beta}").results()
        accuracies[beta] = [result["test_accuracy"] for result in results["layerwise"]]
    return accuracies


def test_a_sweep_trains_every_cell_once(tmp_path: Path) -> None:
    table = sweep(CONFIG, [0.0, 100.0], tmp_path)
    assert list(table) == [0.0, 100.0]
    # so much compression leaves little to predict from
    assert min(table[0.0]) > max(table[100.0])
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("results.json")}
    assert len(files) == 2
    assert sweep(CONFIG, [0.0, 100.0], tmp_path) == table
    assert all(path.stat().st_mtime_ns == time for path, time in files.items())


def test_a_cell_is_the_run_that_it_would_be_alone(tmp_path: Path) -> None:
    config = replace(CONFIG, objective=ObjectiveConfig(beta=(0.5,)))
    alone = run(config, tmp_path / "alone").results()["layerwise"]
    table = sweep(CONFIG, [0.5], tmp_path)
    assert table[0.5] == [result["test_accuracy"] for result in alone]
