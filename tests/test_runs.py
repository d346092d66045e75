"""A run's folder."""

import errno
import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from folders import ENVIRONMENT, made
from torch import nn

from ibtrain.config import ObjectiveConfig, PlaneConfig, RunConfig
from ibtrain.config.interval import CheckpointInterval
from ibtrain.errors import IBTrainWarning, NonFiniteError, RunFolderError, UnreadableError
from ibtrain.io.files import write_atomically
from ibtrain.io.lock import FolderLock
from ibtrain.mi.result import Estimate
from ibtrain.plane.point import PlanePoint
from ibtrain.report.curves import curves_figure
from ibtrain.report.page import save_run_page
from ibtrain.report.pictures import save_pictures
from ibtrain.runs import RunFolder, list_runs
from ibtrain.runs.weights import save_weights
from ibtrain.train.results import FitResult


def test_events_come_back_in_order(tmp_path: Path) -> None:
    folder = made(tmp_path / "run")
    for epoch in range(3):
        folder.events.append({"event": "epoch", "epoch": epoch})
    folder.events.append({"event": "result"})
    assert [event["epoch"] for event in folder.events.read("epoch")] == [0, 1, 2]
    assert RunConfig.from_dict(folder.read_json("config.json")) == RunConfig()


@pytest.mark.parametrize("name", ["mine.txt", "environment.json", ".part", "checkpoints"])
def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(RunFolderError, match="a folder with other files"):
        made(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_a_process_left_that_was_killed_at_its_start_is_taken_over(tmp_path: Path) -> None:
    scratch = tmp_path / f".{'0a' * 8}.part"
    scratch.write_text("half")
    (tmp_path / ".lock").write_text("process 1 on another machine")
    (tmp_path / "environment.json").write_text('{"started": "now"}')
    (tmp_path / "checkpoints").mkdir()
    folder = made(tmp_path)
    assert folder.config() == RunConfig()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoints", "config.json", "environment.json",
    ]  # fmt: skip


def test_a_run_goes_on_in_its_folder_and_no_other_does(tmp_path: Path) -> None:
    made(tmp_path / "run")
    assert made(tmp_path / "run").config() == RunConfig()
    with pytest.raises(RunFolderError, match="run: dataset: got mnist, expected digits, as"):
        made(tmp_path / "run", RunConfig(dataset="mnist"))


def test_a_folder_belongs_to_one_process(tmp_path: Path) -> None:
    with RunFolder.claim(tmp_path / "run", RunConfig(), ENVIRONMENT):
        with pytest.raises(RunFolderError, match=rf"a run of process {os.getpid()} on"):
            made(tmp_path / "run")
        assert (tmp_path / "run" / "config.json").exists()
    made(tmp_path / "run")


def test_a_lock_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunFolderError, match="can't be written"):
        made(tmp_path / "run")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("kind", ["pipe", "hard link", "folder"])
def test_a_lock_that_is_none_is_told(tmp_path: Path, kind: str) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    folder = made(tmp_path / "run")
    lock = folder.path / ".lock"
    if kind == "pipe":
        os.mkfifo(lock)
    elif kind == "folder":
        lock.mkdir()
    else:
        lock.hardlink_to(precious)
    with pytest.raises(RunFolderError, match=r"expected a lock file|can't be written"):
        made(tmp_path / "run")
    assert precious.read_text() == "precious"


def test_a_linked_folder_of_checkpoints_is_not_begun_in(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run" / "checkpoints").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunFolderError, match="a link out of the run's folder"):
        made(tmp_path / "run")


def test_a_folder_that_looks_like_scratch_is_left_alone(tmp_path: Path) -> None:
    folder = made(tmp_path / "run")
    scratch = folder.path / f".{'0a' * 8}.part"
    scratch.mkdir()
    made(tmp_path / "run")
    assert scratch.is_dir()


def test_events_after_a_checkpoint_are_cut_off(tmp_path: Path) -> None:
    run = recorded(tmp_path, b'{"event": "a"}\n', b'{"event": "b"}\n', b'{"event": "c')
    with pytest.raises(
        RunFolderError, match="got 2 events, expected the 3 recorded before its checkpoint"
    ):
        run.events.keep(3)
    for count in (2, 1, 0):
        run.events.keep(count)
        assert [event["event"] for event in run.events.read()] == ["a", "b"][:count]
    run.events.append({"event": "d"})
    assert [event["event"] for event in run.events.read()] == ["d"]


def test_events_after_a_checkpoint_stay_until_the_next_one(tmp_path: Path) -> None:
    before = b'{"event": "a"}\n{"event": "b"}\n{"event": "c'
    metrics = recorded(tmp_path, before).path / "metrics.jsonl"
    for is_written in (False, True):
        with RunFolder.claim(tmp_path / "run", RunConfig(), ENVIRONMENT) as run:
            run.events.keep(1)
            run.events.append({"event": "d"})
            assert metrics.read_bytes() == before
            assert [event["event"] for event in run.events.read()] == ["a", "d"]
            if is_written:
                run.checkpoints(CheckpointInterval(epochs=1)).write({})
                run.events.append({"event": "e"})
    lines = [json.loads(line)["event"] for line in metrics.read_text().splitlines()]
    assert lines == ["a", "d", "e"]
    assert not list(metrics.parent.glob(".*"))


def test_events_stay_where_a_checkpoint_could_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = b'{"event": "a"}\n{"event": "b"}\n'
    metrics = recorded(tmp_path, before).path / "metrics.jsonl"

    def fail(file: int) -> None:
        name = str(Path(f"/proc/self/fd/{file}").readlink())
        if "/checkpoints/" in name:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with RunFolder.claim(tmp_path / "run", RunConfig(), ENVIRONMENT) as run:
        run.events.keep(0)
        run.events.append({"event": "c"})
        with pytest.raises(RunFolderError, match="No space left on device"):
            run.checkpoints(CheckpointInterval(epochs=1)).write({})
    assert metrics.read_bytes() == before


def test_no_number_is_recorded_that_cannot_be_read(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    run.events.append({"event": "epoch", "mi_hy": 1.0})
    with pytest.raises(NonFiniteError, match="event 'epoch': mi_hy is not a finite number"):
        run.events.append({"event": "epoch", "mi_hy": math.nan})
    assert [event["mi_hy"] for event in run.events.read()] == [1.0]
    with pytest.raises(NonFiniteError, match=r"results\.json: layerwise.0.seconds is not a finite"):
        run.write_results({"layerwise": [{"seconds": math.inf}]})
    assert not run.is_finished


def test_a_folder_that_was_replaced_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "run"
    environment = {**ENVIRONMENT, "started": "first"}
    with RunFolder.claim(path, RunConfig(), environment) as first:
        first.events.append({"event": "a"})
        shutil.rmtree(path)
        with RunFolder.claim(path, RunConfig(), ENVIRONMENT) as second:
            second.events.append({"event": "b"})
            checkpoints = second.checkpoints(CheckpointInterval(epochs=1))
            checkpoints.write({"number": 2})
            before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
            writes = (
                lambda: first.events.append({"event": "c"}),
                lambda: first.events.keep(0),
                lambda: first.write_results({}),
                lambda: first.note_environment(environment, is_resuming=True),
                lambda: first.checkpoints(CheckpointInterval(epochs=1)).write({"number": 1}),
                lambda: first.checkpoints(CheckpointInterval(epochs=1)).clear(),
                lambda: save_weights(first, fitted(nn.Linear(2, 2))),
                lambda: save_pictures(first),
                lambda: save_run_page(first),
            )
            for write in writes:
                with pytest.raises(RunFolderError, match="run: got a folder that was deleted"):
                    write()
            assert {p: p.read_bytes() for p in path.rglob("*") if p.is_file()} == before
            assert checkpoints.load() == {"number": 2}
    # the second process has let go of its folder; the first one leaves it alone
    assert not (path / ".lock").exists()
    assert (path / "config.json").exists()


def test_the_lock_of_a_replaced_folder_stays(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with RunFolder.claim(path, RunConfig(), ENVIRONMENT):
        shutil.rmtree(path)
        second = RunFolder.claim(path, RunConfig(), ENVIRONMENT)
        second.__enter__()
    assert (path / ".lock").exists()
    with pytest.raises(RunFolderError, match="a run of process"):
        made(path)
    second.__exit__(None, None, None)


def test_a_deleted_folder_is_not_made_again(tmp_path: Path) -> None:
    with RunFolder.claim(tmp_path / "run", RunConfig(), ENVIRONMENT) as run:
        shutil.rmtree(tmp_path / "run")
        with pytest.raises(RunFolderError, match="got a folder that was deleted"):
            run.checkpoints(CheckpointInterval(epochs=1)).write({})
    assert list(tmp_path.iterdir()) == []


def test_an_environment_that_cannot_be_read_now_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made(tmp_path / "run", started="then")
    before = (run.path / "environment.json").read_bytes()

    def fail(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("ibtrain.runs.documents.read_bytes", fail)
        with pytest.raises(UnreadableError, match=r"environment\.json: .*Permission denied"):
            run.note_environment(ENVIRONMENT, is_resuming=True)
    assert (run.path / "environment.json").read_bytes() == before


def test_events_of_a_hard_link_go_on_in_a_file_of_their_own(tmp_path: Path) -> None:
    run = recorded(tmp_path, b'{"event": "a"}\n{"event": "b"}\n')
    backup = tmp_path / "notes.txt"
    backup.hardlink_to(run.path / "metrics.jsonl")
    before = backup.read_bytes()
    with pytest.raises(RunFolderError, match=r"metrics\.jsonl: got a hard link"):
        run.events.append({"event": "c"})
    with RunFolder.claim(run.path, RunConfig(), ENVIRONMENT) as resumed:
        resumed.events.keep(1)
        resumed.events.append({"event": "d"})
        resumed.checkpoints(CheckpointInterval(epochs=1)).write({})
    assert backup.read_bytes() == before
    assert [event["event"] for event in run.events.read()] == ["a", "d"]


def test_missing_events_are_told(tmp_path: Path) -> None:
    folder = made(tmp_path / "run")
    folder.events.keep(0)
    assert not (folder.path / "metrics.jsonl").exists()
    with pytest.raises(
        RunFolderError, match=r"metrics\.jsonl: got 0 events, .*to start the run again"
    ):
        folder.events.keep(1)


def test_what_a_run_goes_on_on_is_noted(tmp_path: Path) -> None:
    folder = made(tmp_path / "run")
    folder.note_environment(ENVIRONMENT | {"threads": 1}, is_resuming=False)
    folder.note_environment(ENVIRONMENT, is_resuming=True)
    with pytest.warns(IBTrainWarning, match="began with threads 1 and continues with 2"):
        folder.note_environment(ENVIRONMENT | {"threads": 2}, is_resuming=True)
    resumed = folder.read_json("environment.json")["resumed"]
    assert [each["threads"] for each in resumed] == [1, 2]


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="can't be written"):
        made(tmp_path / "file" / "run")


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
    run = made(folder / "run")
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
        list(run.events.read())


@pytest.mark.parametrize("torn", [b'{"event": "b", "fig', b"{", b'{"event": "\xe2\x82', b"\0" * 9])
def test_a_line_that_breaks_off_at_the_end_is_left_out(tmp_path: Path, torn: bytes) -> None:
    run = recorded(tmp_path, b'{"event": "a"}\n', torn)
    with pytest.warns(IBTrainWarning, match=r"metrics\.jsonl:2: ignored an incomplete last line"):
        assert [event["event"] for event in run.events.read()] == ["a"]


def test_a_whole_last_line_needs_no_end(tmp_path: Path) -> None:
    run = recorded(tmp_path, b'{"event": "a"}\n', b'{"event": "b"}')
    assert [event["event"] for event in run.events.read()] == ["a", "b"]


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no run there"):
        RunFolder.open(tmp_path)
    with pytest.raises(RunFolderError, match="no such folder"):
        list_runs(tmp_path / "nowhere")


def fitted(network: nn.Module) -> FitResult:
    return FitResult(nn.Sequential(network), nn.Identity(), "layerwise", 0)


def test_checkpoints_load_without_unpickling_code(tmp_path: Path) -> None:
    folder = made(tmp_path / "run")
    network = nn.Linear(3, 2)
    save_weights(folder, fitted(network))
    path = folder.path / "checkpoints" / "layerwise-seed0.pt"
    state = torch.load(path, weights_only=True)
    assert torch.equal(state["network"]["0.weight"], network.weight)


POINT = {
    "method": "layerwise", "seed": 0, "layer": "hidden1", "epoch": 1, "sigma": 0.5,
    "activation_scale": 1.0, "probe_accuracy": 0.9, "audits": {},
    **dict.fromkeys(("mi_xt", "mi_ty", "mi_hy", "mi_xt_channel", "mi_ty_channel"), Estimate(1.0, 0.1, "mine", 3.0).to_dict()),
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": -1}, {"epoch": "1"}, {"method": "magic"}, {"layer": None}, {"sigma": 1e300},
        {"mi_xt": "3"}, {"mi_xt": {**POINT["mi_xt"], "mi": "1"}}, {"mi_ty": {}}, {"audits": []},
        {"mi_xt": {**POINT["mi_xt"], "ceiling": "1"}}, {"mi_xt": {**POINT["mi_xt"], "flags": 3}},
        {"mi_xt": {**POINT["mi_xt"], "beside": [1]}}, {"unknown": [1]}, {"layer": "x" * 1001},
        {"x" * 1001: 1.0}, {f"value{n}": 1.0 for n in range(1001)},
    ],
)  # fmt: skip
def test_a_broken_point_is_named(tmp_path: Path, change: dict[str, Any]) -> None:
    good, bad = ({"event": "plane", "point": POINT | more} for more in ({}, change))
    run = recorded(tmp_path, json.dumps(good).encode(), b"\n", json.dumps(bad).encode(), b"\n")
    with pytest.raises(
        RunFolderError, match=r"metrics\.jsonl:2: got a broken point, expected a point"
    ):
        run.plane_points()


def test_values_that_no_measure_is_known_for_are_kept(tmp_path: Path) -> None:
    more = {"new_scalar": 0.25, "new_estimate": POINT["mi_xt"], "audits": {"mi_ty": POINT["mi_ty"]}}
    run = recorded(tmp_path, json.dumps({"event": "plane", "point": POINT | more}).encode(), b"\n")
    (point,) = run.plane_points()
    assert point.scalars["new_scalar"] == 0.25
    assert point.estimates["new_estimate"] == point.estimates["mi_xt"]
    # as an earlier version wrote it
    assert point.estimates["mi_ty_audit"] == point.estimates["mi_ty"]
    assert PlanePoint.from_dict(json.loads(json.dumps(point.to_dict()))) == point


def test_points_of_more_layers_than_a_network_has_are_told(tmp_path: Path) -> None:
    lines = [
        json.dumps({"event": "plane", "point": POINT | {"layer": f"h{n}"}}) for n in range(600)
    ]
    run = recorded(tmp_path, "\n".join(lines).encode())
    with pytest.raises(RunFolderError, match=r"jsonl:515: got points of too many layers"):
        run.plane_points()


def test_epochs_of_more_stages_than_a_network_has_are_told() -> None:
    events = [
        {"method": "m", "stage": f"{n}", "seed": 0, "test_accuracy": 0.5} for n in range(9999)
    ]
    with pytest.raises(RunFolderError, match="got epochs of more than 3598 stages and bounds"):
        curves_figure(events)


def test_a_stage_with_an_endless_name_is_told() -> None:
    event = {"method": "m", "stage": "x" * 1001, "seed": 0, "test_accuracy": 0.5}
    with pytest.raises(RunFolderError, match="got a stage's name of 1001 characters"):
        curves_figure([event])


def test_one_long_seed_among_many_is_no_way_to_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibtrain.backend.memory.host_memory", lambda: 1 << 20)
    events = [
        {"method": "m", "stage": "s", "seed": seed, "test_accuracy": 0.5}
        for seed in [*range(1000), *[0] * 1000]
    ]
    with pytest.raises(RunFolderError, match="metrics of every seed and epoch of 8008000 bytes"):
        curves_figure(events)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema": 2}', r"schema 2, expected at most 1 \(made by a newer ibtrain\)"),
        ('{"schema": "1"}', "schema '1', expected a whole number from 1"),
        ('{"schema": 0}', "schema 0, expected a whole number from 1"),
        ("[]", "got list, expected a JSON object"),
        ('{"layerwise": 3}', r"layerwise: got 3, expected a list of results"),
        ('{"layerwise": [3]}', r"layerwise: got \[3\], expected a list of results"),
        (
            '{"layerwise": [{}]}',
            r"layerwise.test_accuracy: got None, expected a number from 0 to 1",
        ),
        ('{"end_to_end": [{"test_accuracy": 1e300}]}', r"end_to_end.test_accuracy: got 1e\+300"),
        ('{"end_to_end": [{"test_accuracy": true}]}', r"end_to_end.test_accuracy: got True"),
        ("{", "a missing or broken file"),
        ('{"dataset": 3}', "dataset: got 3, expected a data set's name"),
        (
            json.dumps({"dataset": "x" * 10_001}),
            r"dataset: got 'x+\.\.\., expected a data set's name",
        ),
        (
            '{"layerwise": [{"test_accuracy": 1, "layers": 3}]}',
            "layerwise.layers: got 3, expected a list",
        ),
        (
            '{"layerwise": [{"test_accuracy": 1, "layers": [{}]}]}',
            "got None, expected layers with names",
        ),
        (
            json.dumps({"layerwise": [{"test_accuracy": 1, "layers": [{"name": "x" * 1001}]}]}),
            r"layerwise.layers: got 'x+\.\.\., expected layers with names of at most 1000 characters",
        ),
        (
            json.dumps({"end_to_end": [{"test_accuracy": 1, "layers": [{"name": "x"}] * 2000}]}),
            "end_to_end.layers: got 2000 layers, expected a list of at most 257",
        ),
        (
            json.dumps({"layerwise": [{}] * 10_001}),
            "got results of 10001 seeds, expected at most 10000",
        ),
    ],
)
def test_broken_results_are_told(tmp_path: Path, text: str, message: str) -> None:
    run = recorded(tmp_path)
    (run.path / "results.json").write_text(text)
    with pytest.raises(RunFolderError, match=rf"results\.json.*{message}"):
        run.results()


def test_a_folder_in_the_place_of_a_file_is_told(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    for name in ("results.json", "metrics.jsonl", "config.json"):
        (run.path / name).unlink(missing_ok=True)
        (run.path / name).mkdir()
    for read in (run.results, run.config, lambda: list(run.events.read())):
        with pytest.raises(RunFolderError, match="regular file"):
            read()
    with pytest.raises(RunFolderError, match="no run there"):
        RunFolder.open(run.path)


def test_a_folder_that_cannot_be_inspected_at_the_end_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> bool:
        raise OSError(errno.ELOOP, "Too many levels of symbolic links")

    with RunFolder.claim(tmp_path / "run", RunConfig(), ENVIRONMENT) as folder:
        folder.events.append({"event": "one"})
        folder.events.keep(1)
        folder.events.append({"event": "two"})
        monkeypatch.setattr(FolderLock, "is_in_place", property(fail))
        monkeypatch.setattr(folder, "check_owned", lambda: None)
    assert [event["event"] for event in folder.events.read()] == ["one"]
    assert sorted(path.name for path in folder.path.glob(".*.part")) == []


def test_planes_of_an_earlier_version_had_the_noise_of_the_training(tmp_path: Path) -> None:
    objective = ObjectiveConfig(noise_std=(0.7,), noise_scale="relative")
    document = RunConfig(objective=objective, plane=PlaneConfig(noise_std=(0.2,))).to_dict()
    (tmp_path / "config.json").write_text(json.dumps(document))
    assert RunFolder.open(tmp_path).config().plane.noise_std == (0.2,)
    del document["plane"]["noise_std"], document["plane"]["noise_scale"]
    (tmp_path / "config.json").write_text(json.dumps(document))
    plane = RunFolder.open(tmp_path).config().plane
    assert (plane.noise_std, plane.noise_scale) == ((0.7,), "relative")
