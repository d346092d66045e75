"""TensorBoard's own reader finds every number in the files."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

from ibtrain.errors import ConfigError  # noqa: E402
from ibtrain.loggers import LogEntry, TensorBoardLogger  # noqa: E402


def scalars(folder: Path) -> dict[tuple[str, int], float]:
    """All numbers of a folder, by chart and step."""
    events = accumulator.EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return {
        (tag, scalar.step): scalar.value
        for tag in events.Tags()["scalars"]
        for scalar in events.Scalars(tag)
    }


def test_every_number_has_its_place(tmp_path: Path, train: Callable[..., Any]) -> None:
    logger = TensorBoardLogger(tmp_path)
    logged = train(logger)
    logger.close()
    found = scalars(tmp_path / "layerwise-seed5")
    expected = {
        (f"{event.stage}/{name}", event.epoch): value
        for event in logged.epochs
        for name, value in event.metrics.items()
    }
    for point in logged.points:
        values = dict(point.scalars)
        for name, estimate in point.estimates.items():
            values |= {name: estimate.mi, f"{name}_stderr": estimate.stderr}
            if estimate.flags:
                values[f"{name}_flags"] = len(estimate.flags)
        expected |= {(f"{point.layer}/plane/{k}", point.epoch): v for k, v in values.items()}
    assert found == pytest.approx(expected, rel=1e-6)


def test_each_training_has_a_folder_of_its_own(tmp_path: Path) -> None:
    logger = TensorBoardLogger(tmp_path)
    for seed in (0, 1):
        flags = {"loss": ("diverging",)}
        logger.log(LogEntry("end_to_end", seed, "network", 1.5, {"loss": seed + 0.5}, flags))
    logger.close()
    for seed in (0, 1):
        found = scalars(tmp_path / f"end_to_end-seed{seed}")
        assert found == {("network/loss", 1): seed + 0.5, ("network/loss_flags", 1): 1.0}


@pytest.mark.slow
def test_a_process_that_ends_at_once_has_what_it_logged(tmp_path: Path) -> None:
    code = (
        "import os, sys; from ibtrain.loggers import LogEntry, TensorBoardLogger\n"
        "logger = TensorBoardLogger(sys.argv[1])\n"
        "values = {f'value{index}': 1.0 for index in range(200)}\n"
        "logger.log(LogEntry('layerwise', 0, 'a', 1, values, {}))\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert len(scalars(tmp_path / "layerwise-seed0")) == 200


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    message = r"no tensorboard \(.*\), expected that package: pip install 'ibtrain\[tensorboard\]'"
    with pytest.raises(ConfigError, match=message):
        TensorBoardLogger(tmp_path)
