"""Checkpoints: what goes in comes out, and what is damaged is left aside."""

import errno
import io
import json
import os
import pickle
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ibtrain.config.interval import CheckpointInterval
from ibtrain.errors import (
    DataError,
    IBTrainWarning,
    InterruptedRunError,
    NonFiniteError,
    RunFolderError,
    UnreadableError,
)
from ibtrain.runs.checkpoints import Checkpoints
from ibtrain.runs.states import read_state, write_state

STATE = {
    "weights": {"a.weight": torch.randn(3, 2), "b": torch.zeros(())},
    "half": torch.randn(5).bfloat16(),
    "counts": [torch.arange(3), torch.tensor([], dtype=torch.float64)],
    "flags": torch.tensor([True, False]),
    "generator": torch.Generator().get_state(),
    "odd numbers": [float("inf"), -float("inf")],
    "numbers": [1, -0.1, 1e-300, True, None, "words", {}],
}


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, Tensor):
        return found.dtype == expected.dtype and torch.equal(found, expected)
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(same(found[k], expected[k]) for k in expected)
    if isinstance(expected, list):
        return all(same(a, b) for a, b in zip(found, expected, strict=True))
    return type(found) is type(expected) and found == expected


def test_a_state_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    write_state(tmp_path / "state.npz", STATE)
    assert same(read_state(tmp_path / "state.npz"), STATE)


def test_a_state_that_no_training_goes_on_from_is_not_written(tmp_path: Path) -> None:
    write_state(tmp_path / "state.npz", {"tensor": torch.tensor(float("nan"))})
    (tmp_path / "state.npz").unlink()
    with pytest.raises(NonFiniteError, match=r"state\.npz: points\.1\.mi_xt is NaN; nothing was"):
        write_state(tmp_path / "state.npz", {"points": [{}, {"mi_xt": float("nan")}]})
    assert not (tmp_path / "state.npz").exists()


def test_a_state_is_an_archive_that_numpy_opens(tmp_path: Path) -> None:
    write_state(tmp_path / "state.npz", STATE)
    with np.load(tmp_path / "state.npz", allow_pickle=False) as archive:
        assert archive["0"].shape == (3, 2)


def test_any_changed_byte_of_a_value_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    write_state(path, STATE)
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        members = [(info.header_offset, info.file_size) for info in archive.infolist()]
    for start, size in members:
        for at in range(start + 40, start + 40 + size, 7):
            path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
            try:
                found = read_state(path)
            except DataError:
                continue
            # the few bytes of a name or a date that nothing depends on
            assert same(found, STATE)


@pytest.mark.parametrize("length", [0, 1, 100, -1, -22, -200])
def test_a_truncated_state_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "state.npz"
    write_state(path, STATE)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DataError, match=r"state\.npz"):
        read_state(path)


class Evil:
    """What a pickle of this runs when it is loaded."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (Path.touch, (Path("owned"),))  # type: ignore[return-value]


def archive_of(path: Path, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


def array_bytes(array: np.ndarray, **more: Any) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **more)
    return file.getvalue()


def document_bytes(document: Any) -> bytes:
    return array_bytes(np.frombuffer(json.dumps(document).encode(), np.uint8))


def test_a_checkpoint_with_code_in_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "state-000001.npz"
    evil = array_bytes(np.array([Evil()], dtype=object), allow_pickle=True)
    whole = {"format": 2, "state": {"x": {"$tensor": "0", "dtype": "float32"}}}
    archive_of(path, **{"state": document_bytes(whole), "0": evil})
    with pytest.raises(DataError, match="objects, expected plain arrays"):
        read_state(path)
    archive_of(path, state=evil)
    with pytest.raises(DataError, match="objects, expected plain arrays"):
        read_state(path)
    for content in (pickle.dumps(Evil()), b"PK\x03\x04" + pickle.dumps(Evil())):
        path.write_bytes(content)
        with pytest.raises(DataError, match="can't be read"):
            read_state(path)
    torch.save({"state": Evil()}, path)
    with pytest.raises(DataError, match="keys"):
        read_state(path)
    with pytest.warns(IBTrainWarning, match="continuing from the state before it"):
        assert Checkpoints(tmp_path, CheckpointInterval(epochs=1)).load() is None
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"format": 2, "state": []}, "list, expected a state"),
        ({"format": 2}, "no valid state"),
        ({"format": 2, "state": {"x": {"$float": "one"}}}, "no valid state"),
        ({"format": 2, "state": {"x": {"$float": []}}}, "no valid state"),
        ([], "no valid state"),
        ({"format": 2, "state": {"x": {"$tensor": "7", "dtype": ""}}}, "a key '7'"),
        ({"format": 2, "state": {"x": {"$tensor": "../x", "dtype": ""}}}, "a key '../x'"),
        (
            {"format": 2, "state": {"x": {"$tensor": "state", "dtype": "bfloat16"}}},
            "the array's type",
        ),
    ],
)
def test_what_is_no_state_is_told(tmp_path: Path, document: Any, message: str) -> None:
    archive_of(tmp_path / "state.npz", state=document_bytes(document))
    with pytest.raises(DataError, match=message):
        read_state(tmp_path / "state.npz")


def test_a_newer_format_is_not_taken_for_damage(tmp_path: Path) -> None:
    archive_of(tmp_path / "state-000001.npz", state=document_bytes({"format": 3, "state": {}}))
    with pytest.raises(RunFolderError, match="format 3, expected format 2"):
        Checkpoints(tmp_path, CheckpointInterval(epochs=1)).load()


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointInterval(epochs=1))
    for number in range(5):
        checkpoints.write({"number": number})
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "state-000004.npz", "state-000005.npz",
    ]  # fmt: skip
    assert checkpoints.load() == {"number": 4}


@pytest.mark.parametrize("damage", ["truncate", "empty", "folder", "missing"])
def test_the_last_good_one_is_used(tmp_path: Path, damage: str) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointInterval(epochs=1))
    for number in range(2):
        checkpoints.write({"number": number})
    newest = tmp_path / "state-000002.npz"
    content = newest.read_bytes()
    newest.unlink()
    if damage == "missing":
        assert checkpoints.load() == {"number": 0}
        return
    if damage == "folder":
        newest.mkdir()
    else:
        newest.write_bytes(b"" if damage == "empty" else content[: len(content) // 2])
    with pytest.warns(
        IBTrainWarning, match=r"state-000002\.npz: .*continuing from the state before"
    ):
        assert checkpoints.load() == {"number": 0}


def test_torchs_own_generator_goes_on_too(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointInterval(epochs=1))
    checkpoints.write({})
    expected = torch.rand(3)
    torch.rand(5)
    checkpoints.load()
    assert torch.equal(torch.rand(3), expected)


def test_the_interval_counts_epochs(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointInterval(epochs=3))
    written = []
    for epoch in range(1, 8):
        checkpoints.after_epoch(lambda epoch=epoch: written.append(epoch) or {})  # type: ignore[misc]
    assert written == [3, 6]
    checkpoints.after_stage(lambda: written.append(0) or {})  # type: ignore[func-returns-value]
    assert written == [3, 6, 0]


def test_the_interval_counts_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("ibtrain.runs.checkpoints.time.monotonic", lambda: now)
    checkpoints = Checkpoints(tmp_path, CheckpointInterval.parse("2m", ""))
    written = []
    for now in (150.0, 219.0, 221.0, 300.0, 340.9, 341.0):
        checkpoints.after_epoch(lambda now=now: written.append(now) or {})  # type: ignore[misc]
    assert written == [221.0, 341.0]


def test_a_training_that_is_to_stop_is_written_and_stops(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointInterval(epochs=100))
    checkpoints.after_step(lambda: {"step": 1})
    checkpoints.stop(15)
    with pytest.raises(InterruptedRunError) as caught:
        checkpoints.after_step(lambda: {"step": 2})
    assert caught.value.exit_code == 143
    assert checkpoints.load() == {"step": 2}


def test_events_are_on_the_disk_first(tmp_path: Path) -> None:
    order = []
    checkpoints = Checkpoints(
        tmp_path,
        CheckpointInterval(epochs=1),
        before=lambda: order.append(list(tmp_path.iterdir())),
    )
    checkpoints.write({})
    assert order == [[]]


def test_what_is_done_is_cleared(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointInterval(epochs=1))
    (tmp_path / "layerwise-seed0.pt").write_text("a network")
    checkpoints.write({})
    checkpoints.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["layerwise-seed0.pt"]


def test_a_folder_is_made_when_it_is_needed(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "a" / "b", CheckpointInterval(epochs=1))
    assert checkpoints.load() is None
    checkpoints.write({"number": 1})
    assert checkpoints.load() == {"number": 1}


def test_a_file_in_the_folders_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="checkpoints that can't be read"):
        Checkpoints(tmp_path / "file", CheckpointInterval(epochs=1)).load()


def test_a_state_is_no_way_to_fill_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.npz"
    twice = {"$tensor": "0", "dtype": "float32"}
    array = array_bytes(np.zeros(3, np.float32))
    archive_of(
        path,
        **{"state": document_bytes({"format": 2, "state": {"a": twice, "b": twice}}), "0": array},
    )
    with pytest.raises(DataError, match="a tensor in two places"):
        read_state(path)
    write_state(path, STATE)
    monkeypatch.setattr("ibtrain.runs.states.DOCUMENT_BYTES", 50)
    with pytest.raises(DataError, match="bytes of state, expected at most 50"):
        read_state(path)


def test_a_compressed_document_is_not_parsed(tmp_path: Path) -> None:
    """A thousand times as many bytes as the file has would take memory for as many objects."""
    path = tmp_path / "state.npz"
    document = json.dumps({"format": 2, "state": {"x": [{}] * 100_000}}).encode()
    np.savez_compressed(path, state=np.frombuffer(document, np.uint8))
    size = path.stat().st_size
    assert size < 5000
    with pytest.raises(DataError, match=f"{len(document)} bytes of state, expected at most {size}"):
        read_state(path)


def failing(monkeypatch: pytest.MonkeyPatch, name: str, error: BaseException) -> None:
    """Has every opening of files of a name fail."""
    real: Callable[..., Any] = io.open

    def opening(file: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(file, str | os.PathLike) and Path(file).name == name:
            raise error
        return real(file, *args, **kwargs)

    monkeypatch.setattr("builtins.open", opening)
    monkeypatch.setattr("io.open", opening)


@pytest.mark.parametrize(
    ("error", "message", "code"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "Permission denied", 2),
        (OSError(errno.EIO, "Input/output error"), "Input/output error", 1),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files", 1),
        (OSError(errno.ESTALE, "Stale file handle"), "Stale file handle", 1),
        (MemoryError(), "out of memory", 1),
    ],
    ids=["permission", "disk", "files", "network disk", "memory"],
)
def test_what_cannot_be_read_now_is_not_taken_for_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, message: str, code: int
) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointInterval(epochs=1))
    for number in range(2):
        checkpoints.write({"number": number})
    with monkeypatch.context() as patch:
        failing(patch, "state-000002.npz", error)
        expected = rf"state-000002\.npz: got a file that can't be read \({message}"
        with pytest.raises(UnreadableError, match=expected) as caught:
            checkpoints.load()
    assert caught.value.exit_code == code
    assert checkpoints.load() == {"number": 1}


class FailingFile(io.FileIO):
    """A file on a disk that fails at one of its reads.

    Args:
        path: Where.
        at: Which read, of all such files, from 0.
    """

    reads = 0

    def __init__(self, path: Path, at: int) -> None:
        super().__init__(path)
        self.at = at

    def read(self, size: int | None = -1) -> bytes:  # type: ignore[override]
        FailingFile.reads += 1
        if FailingFile.reads - 1 == self.at:
            raise OSError(errno.EIO, "Input/output error")
        return super().read(-1 if size is None else size)


def test_a_disk_that_fails_at_any_read_damages_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointInterval(epochs=1))
    for number in range(2):
        checkpoints.write({"number": number, "weights": torch.zeros(3)})
    path = tmp_path / "state-000002.npz"
    real: Callable[..., Any] = io.open
    at = 0

    def opening(file: Any, *args: Any, **kwargs: Any) -> Any:
        is_newest = isinstance(file, str | os.PathLike) and Path(file).name == path.name
        return FailingFile(path, at) if is_newest else real(file, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", opening)
        patch.setattr("io.open", opening)
        for moment in range(1000):
            at, FailingFile.reads = moment, 0
            try:
                found = checkpoints.load()
            except UnreadableError as error:
                assert "Input/output error" in str(error)
                continue
            assert found is not None
            assert found["number"] == 1
            break
    assert FailingFile.reads <= at
    assert at > 5


def test_a_machine_with_less_memory_does_not_take_a_checkpoint_for_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointInterval(epochs=1))
    checkpoints.write({"weights": torch.zeros(1000)})
    monkeypatch.setattr("ibtrain.backend.memory.host_memory", lambda: 4000)
    with pytest.raises(UnreadableError, match="expected at most 2000 bytes"):
        checkpoints.load()


@pytest.mark.slow
@pytest.mark.parametrize("is_foreseen", [True, False])
def test_a_limit_of_memory_does_not_make_a_checkpoint_damaged(
    tmp_path: Path, is_foreseen: bool
) -> None:
    """Whether the memory is counted before or runs out while the file is read."""
    Checkpoints(tmp_path, CheckpointInterval(epochs=1)).write({"weights": torch.zeros(40 << 20)})
    code = f"""
import resource, warnings
from pathlib import Path
from ibtrain.backend import memory
from ibtrain.runs.checkpoints import Checkpoints
from ibtrain.config.interval import CheckpointInterval
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
limit = used + (80 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
if not {is_foreseen}:
    memory.host_memory = lambda: 1 << 40
warnings.simplefilter("error")
Checkpoints(Path({str(tmp_path)!r}), CheckpointInterval(epochs=1)).load()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    expected = "half of the memory" if is_foreseen else r"can't be read \(out of memory\)"
    last = done.stderr.splitlines()[-1]
    assert re.match(rf"ibtrain.errors.UnreadableError: .*state-000001.npz: .*{expected}", last)


def test_a_checkpoint_behind_a_link_that_leads_nowhere_is_not_taken_for_damage(
    tmp_path: Path,
) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointInterval(epochs=1))
    checkpoints.write({"number": 0})
    (tmp_path / "state-000002.npz").symlink_to("/a/disk/that/is/not/mounted")
    with pytest.raises(UnreadableError, match=r"state-000002\.npz: got no such file"):
        checkpoints.load()


def test_a_state_of_more_gpus_than_are_here_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointInterval(epochs=1))
    gpu = torch.arange(16, dtype=torch.uint8)
    states = [torch.get_rng_state(), gpu, gpu + 1, gpu + 2]
    monkeypatch.setattr("ibtrain.runs.checkpoints._generator_states", lambda: states)
    checkpoints.write({"number": 3})
    was_set = []
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr(
        "torch.cuda.set_rng_state", lambda state, index: was_set.append((index, int(state[0])))
    )
    assert checkpoints.load() == {"number": 3}
    assert was_set == [(0, 0), (1, 1)]


@pytest.mark.parametrize(
    "state",
    [{}, {"torch": []}, {"torch": [3]}, {"torch": [torch.zeros(3)]}, {"torch": 3, "training": {}}],
)
def test_a_state_without_its_parts_is_damaged(tmp_path: Path, state: dict[str, Any]) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointInterval(epochs=1))
    checkpoints.write({"number": 0})
    write_state(tmp_path / "state-000002.npz", state)
    with pytest.warns(IBTrainWarning, match="no valid state, expected a checkpoint"):
        assert checkpoints.load() == {"number": 0}


@pytest.mark.parametrize("planted", ["state-999999999999.npz", "state-999999999998.npz"])
@pytest.mark.parametrize("is_sound", [True, False])
def test_a_planted_number_hides_no_progress(tmp_path: Path, planted: str, is_sound: bool) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointInterval(epochs=1))
    checkpoints.write({"number": 0})
    content = (tmp_path / "state-000001.npz").read_bytes()
    (tmp_path / planted).write_bytes(content if is_sound else b"")
    for number in range(1, 5):
        checkpoints.write({"number": number})
        assert checkpoints.load() == {"number": number}
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_with_a_checkpoints_name_does_not_end_a_run(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointInterval(epochs=1))
    (tmp_path / "state-000003.npz").mkdir()
    for number in range(4):
        checkpoints.write({"number": number})
    assert checkpoints.load() == {"number": 3}
    checkpoints.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["state-000003.npz"]


def test_what_is_written_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.npz"
    monkeypatch.setattr("ibtrain.io.documents.DOCUMENT_BYTES", 50)
    with pytest.raises(RunFolderError, match=r"a document of 5[0-9] bytes, expected at most 50"):
        write_state(path, {"word": "x" * 20})
    assert not path.exists()
