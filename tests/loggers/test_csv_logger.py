"""The CSV file has every metric and every value of the plane."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ibtrain.errors import ConfigError, RunFolderError
from ibtrain.loggers import CSVLogger, LogEntry


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_every_number_has_a_row(tmp_path: Path, train: Callable[..., Any]) -> None:
    path = tmp_path / "log.csv"
    logged = train(CSVLogger(path))
    expected = {
        (event.stage, float(event.epoch), name): value
        for event in logged.epochs
        for name, value in event.metrics.items()
    }
    for point in logged.points:
        place = point.layer, float(point.epoch)
        expected |= {(*place, f"plane/{name}"): value for name, value in point.scalars.items()}
        for name, estimate in point.estimates.items():
            expected[*place, f"plane/{name}"] = estimate.mi
            expected[*place, f"plane/{name}_stderr"] = estimate.stderr
    rows = rows_of(path)
    found = {(r["layer"], float(r["epoch"]), r["name"]): float(r["value"]) for r in rows}
    assert found == expected
    assert len(rows) == len(found)
    assert {(row["method"], row["seed"]) for row in rows} == {("layerwise", "5")}


def test_flags_are_beside_their_value(tmp_path: Path, train: Callable[..., Any]) -> None:
    logger = CSVLogger(tmp_path / "log.csv")
    (event, *_), (point, *_) = train(logger)
    flagged = {
        name: replace(e, flags=("negative", "overfit")) for name, e in point.estimates.items()
    }
    logger = CSVLogger(tmp_path / "log.csv")
    logger.on_epoch_end(replace(event, flags=("diverging",)))
    logger.on_point(replace(point, estimates=flagged))
    flags = {row["name"]: row["flags"] for row in rows_of(logger.path)}
    assert flags["mi_hy"] == "diverging"
    assert flags["plane/mi_xt_channel"] == "negative overfit"
    assert flags["plane/sigma"] == flags["plane/mi_xt_channel_stderr"] == ""


def test_rows_are_added_only_if_this_is_asked_for(tmp_path: Path) -> None:
    path, entry = tmp_path / "log.csv", LogEntry("layerwise", 0, "a,\nb", 1, {"loss": 0.25}, {})
    for append, count in ((False, 1), (True, 2), (False, 1)):
        CSVLogger(path, append=append).log(entry)
        assert [row["layer"] for row in rows_of(path)] == ["a,\nb"] * count


def test_a_file_of_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(RunFolderError, match=r"notes.csv: got other columns, expected method,seed"):
        CSVLogger(path, append=True)
    assert path.read_text() == "a,b\n1,2\n"


def test_a_folder_that_is_missing_is_named_before_the_training(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"CSVLogger.*nowhere"):
        CSVLogger(tmp_path / "nowhere" / "log.csv")
