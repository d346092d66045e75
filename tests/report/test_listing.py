"""The table of runs."""

import json
from pathlib import Path
from typing import Any

from ibtrain.report.listing import runs_table
from ibtrain.runs import RunFolder


def made(path: Path, events: list[dict[str, Any]], seeds: int = 1) -> RunFolder:
    path.mkdir()
    (path / "config.json").write_text(
        json.dumps({"dataset": "digits", "seeds": list(range(seeds))})
    )
    lines = [json.dumps({"event": "epoch", **event}) + "\n" for event in events]
    (path / "metrics.jsonl").write_text("".join(lines))
    return RunFolder(path)


def test_a_run_in_progress_has_its_latest_accuracies(tmp_path: Path) -> None:
    events = [{"method": "layerwise", "test_accuracy": accuracy} for accuracy in (0.5, 0.875)]
    row = runs_table([made(tmp_path / "run", events)]).splitlines()[2]
    assert row.split()[-3:] == ["unfinished,", "87.50", "unfinished"]


def test_many_seeds_are_counted(tmp_path: Path) -> None:
    assert "50 seeds" in runs_table([made(tmp_path / "run", [], 50)])


def test_a_long_path_has_a_line_of_its_own_on_a_terminal(tmp_path: Path) -> None:
    folders = [made(tmp_path / ("long" * 20), []), made(tmp_path / "short", [])]
    lines = runs_table(folders, 80).splitlines()
    assert lines[2] == str(folders[0].path)
    assert max(len(line) for line in lines if not line.startswith("/")) <= 80
    assert lines[5].split() == ["digits", "0", "unfinished", "unfinished"]
    assert runs_table(folders).splitlines()[2].split()[0] == str(folders[0].path)
