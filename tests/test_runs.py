"""A run's folder."""

from pathlib import Path

import pytest
import torch
from torch import nn

from ibtrain.config import RunConfig
from ibtrain.errors import IBTrainWarning, RunFolderError
from ibtrain.files import write_atomically
from ibtrain.runs import RunFolder, list_runs, save_checkpoint


def test_events_come_back_in_order(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", RunConfig(), {})
    for epoch in range(3):
        folder.append({"event": "epoch", "epoch": epoch})
    folder.append({"event": "result"})
    assert [event["epoch"] for event in folder.events("epoch")] == [0, 1, 2]
    assert RunConfig.from_dict(folder.read_json("config.json")) == RunConfig()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(RunFolderError, match="something there already"):
        RunFolder.create(tmp_path, RunConfig(), {})
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="can't be written"):
        RunFolder.create(tmp_path / "file" / "run", RunConfig(), {})


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results.json"
    write_atomically(path, "old")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(RunFolderError, match="No space left on device"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def recorded(folder: Path, *lines: bytes) -> RunFolder:
    run = RunFolder.create(folder / "run", RunConfig(), {})
    (run.path / "metrics.jsonl").write_bytes(b"".join(lines))
    return run


@pytest.mark.parametrize(
    "line",
    [
        b"{half", b"3", b"null", b"{}", b'{"event": 3}', b'{"event": "a", "event": "b"}', b"\xff\xfe",
        b"\0\0", b"", b"[" * 100_000, b'{"event": ' * 900 + b"1" + b"}" * 900,
        b'{"event": "a", "b": NaN}', b'{"event": "a", "b": -Infinity}', b'{"event": "a", "b": 1e999}',
        b'{"event": "a", "b": 1' + b"0" * 30 + b"}", b'{"event": "a", "b": ' + b"9" * 5000 + b"}",
    ],
)  # fmt: skip
def test_a_broken_line_is_named(tmp_path: Path, line: bytes) -> None:
    run = recorded(tmp_path, b'{"event": "a"}\n', line, b"\n", b'{"event": "b"}\n')
    with pytest.raises(RunFolderError, match=r"metrics\.jsonl:2: got a broken line"):
        list(run.events())


@pytest.mark.parametrize("torn", [b'{"event": "b", "fig', b"{", b'{"event": "\xe2\x82', b"\0" * 9])
def test_a_line_that_breaks_off_at_the_end_is_left_out(tmp_path: Path, torn: bytes) -> None:
    run = recorded(tmp_path, b'{"event": "a"}\n', torn)
    with pytest.warns(IBTrainWarning, match=r"metrics\.jsonl:2: left out a last line"):
        assert [event["event"] for event in run.events()] == ["a"]


def test_a_whole_last_line_needs_no_end(tmp_path: Path) -> None:
    run = recorded(tmp_path, b'{"event": "a"}\n', b'{"event": "b"}')
    assert [event["event"] for event in run.events()] == ["a", "b"]


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no run there"):
        RunFolder.open(tmp_path)
    with pytest.raises(RunFolderError, match="no such folder"):
        list_runs(tmp_path / "nowhere")


def test_checkpoints_load_without_unpickling_code(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", RunConfig(), {})
    network = nn.Linear(3, 2)
    save_checkpoint(folder, "layerwise-seed0", network, nn.Identity())
    path = folder.path / "checkpoints" / "layerwise-seed0.pt"
    state = torch.load(path, weights_only=True)
    assert torch.equal(state["network"]["weight"], network.weight)
