"""Every reader refuses in one line what it can't read, and writes nothing."""

import errno
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from malformed import (
    NUMBERS_OF_STATES,
    broken,
    image_files,
    json_files,
    mat_files,
    mutated,
    npz_files,
)
from sandbox import (
    TINY,
    Sandbox,
    check_command,
    check_reader,
    config_document,
    failing,
    point_event,
    record_document,
    results_document,
)

from ibtrain.config import RunConfig
from ibtrain.config.interval import CheckpointInterval
from ibtrain.data.load import load_dataset
from ibtrain.data.tables import read_table
from ibtrain.runs import RunFolder

pytestmark = pytest.mark.slow

TOML = RunConfig().to_toml().encode()


@given(
    content=st.one_of(json_files(config_document()), broken(TOML)),
    ending=st.sampled_from(["toml", "json"]),
)
def test_settings(box: Sandbox, content: bytes, ending: str) -> None:
    with box.case() as work:
        path = work / f"c.{ending}"
        path.write_bytes(content)
        check_reader(lambda: RunConfig.read(path))


@given(values=mutated(config_document()))
def test_settings_keep_what_they_accept(box: Sandbox, values: dict[str, object]) -> None:
    with box.case() as work:
        path = work / "c.json"
        path.write_text(json.dumps(values))
        if check_reader(lambda: RunConfig.read(path)):
            config = RunConfig.read(path)
            assert RunConfig.from_dict(json.loads(config.to_json())) == config


@given(content=npz_files())
def test_npz_data_sets(box: Sandbox, content: bytes) -> None:
    with box.case() as work:
        (work / "d.npz").write_bytes(content)
        check_reader(lambda: load_dataset(f"npz:{work}/d.npz"))


@given(content=mat_files())
def test_mat_data_sets(box: Sandbox, content: bytes) -> None:
    with box.case() as work:
        (work / "d.mat").write_bytes(content)
        check_reader(lambda: load_dataset(f"mat:{work}/d.mat"))


@given(
    content=broken(b"a;b;c\n1,5;red;2\n2,5;blue;3\n-1;red;4\n"),
    ending=st.sampled_from(["csv", "tsv"]),
)
@pytest.mark.filterwarnings("ignore::ibtrain.errors.IBTrainWarning")
def test_csv_tables(box: Sandbox, content: bytes, ending: str) -> None:
    with box.case() as work:
        path = work / f"d.{ending}"
        path.write_bytes(content)
        check_reader(lambda: read_table(path))


@given(data=st.data())
def test_parquet_tables(box: Sandbox, data: st.DataObject) -> None:
    pytest.importorskip("pyarrow")
    file = io.BytesIO()
    pd.DataFrame({"a": [0.5, 1.0], "b": ["red", "blue"]}).to_parquet(file)
    with box.case() as work:
        (work / "d.parquet").write_bytes(data.draw(broken(file.getvalue())))
        check_reader(lambda: read_table(work / "d.parquet"))


@given(content=npz_files(), key=st.sampled_from(["x", "y", "../../x", "/x", "", "\0", "z" * 999]))
def test_npz_pairs(box: Sandbox, content: bytes, key: str) -> None:
    from ibtrain.data.archives import read_archive

    with box.case() as work:
        (work / "d.npz").write_bytes(content)
        check_reader(lambda: read_archive(work / "d.npz", (key,), ("y",)))


@given(
    contents=st.lists(image_files(), max_size=3),
    name=st.sampled_from(["a.png", "a.jpg", "a.tif", "a.txt", "a.WEBP", "é\udcff.png"]),
    link=st.sampled_from(
        ["", "..", "../../..", "../../../outside", "nowhere", "../../pipe", "0.png"]
    ),
    linked=st.sampled_from(["l", "l.png"]),
)
def test_image_folders(
    box: Sandbox, contents: list[bytes], name: str, link: str, linked: str
) -> None:
    with box.case() as work:
        folder = work / "images" / "train" / "cat"
        for index, content in enumerate(contents):
            (folder / f"{index}{name}").write_bytes(content)
        if link:
            (folder / linked).symlink_to(link)
        check_reader(lambda: load_dataset(f"folder:{work}/images"))


@given(
    content=st.binary(max_size=64), name=st.sampled_from(["train-images-idx3", "train-labels-idx1"])
)
def test_mnist_files(box: Sandbox, content: bytes, name: str) -> None:
    with box.case() as work:
        raw = work / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for part in ("train", "t10k"):
            (raw / f"{part}-images-idx3-ubyte").write_bytes(
                b"\0\0\x08\x03\0\0\0\4\0\0\0\1\0\0\0\1abcd"
            )
            (raw / f"{part}-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\4\0\1\0\1")
        (raw / f"{name}-ubyte").write_bytes(content)
        check_reader(lambda: load_dataset("mnist", work))


@given(
    metrics=st.one_of(
        st.lists(json_files(point_event()), max_size=3).map(b"\n".join), st.binary(max_size=60)
    ),
    config=st.one_of(st.none(), json_files(config_document())),
)
def test_recorded_runs(box: Sandbox, metrics: bytes, config: bytes | None) -> None:
    with box.case() as work:
        (work / "run" / "metrics.jsonl").write_bytes(metrics)
        if config is not None:
            (work / "run" / "config.json").write_bytes(config)
        folder = RunFolder(work / "run")
        check_reader(folder.config)
        check_reader(lambda: list(folder.events.read()))
        check_reader(folder.plane_points)


@given(
    results=json_files(results_document()),
    config=st.one_of(st.none(), json_files(config_document())),
)
def test_listed_runs(box: Sandbox, results: bytes, config: bytes | None) -> None:
    with box.case() as work:
        (work / "run" / "results.json").write_bytes(results)
        if config is not None:
            (work / "run" / "config.json").write_bytes(config)
        check_reader(RunFolder(work / "run").results)
        assert check_command("runs", ".").exit_code == 0


@given(data=st.data())
def test_checkpoints(box: Sandbox, data: st.DataObject) -> None:
    """Archives that are broken, and whole ones that say what no training says."""
    from ibtrain.runs.checkpoints import Checkpoints
    from ibtrain.runs.execution import Run
    from ibtrain.runs.setup import RunSetup
    from ibtrain.runs.states import read_state

    with box.case() as work:
        path = work / "interrupted" / "state-000001.npz"
        if data.draw(st.booleans()):
            path.write_bytes(data.draw(st.one_of(broken(path.read_bytes()), npz_files())))
            check_reader(lambda: read_state(path))
            return
        with np.load(path) as archive:
            arrays = dict(archive)
        document = data.draw(mutated(json.loads(arrays.pop("state").tobytes())))
        if data.draw(st.booleans()):
            one, other = (data.draw(st.sampled_from(sorted(arrays))) for _ in range(2))
            arrays[one], arrays[other] = arrays[other], arrays[one]
        state = np.frombuffer(json.dumps(document).encode(), np.uint8)
        np.savez(path, **arrays, state=state)  # type: ignore[arg-type]
        checkpoints = Checkpoints(work / "interrupted", CheckpointInterval(epochs=100))
        check_reader(lambda: Run(RunSetup(TINY), checkpoints).train(), may_fail=True)


@given(
    place=st.sampled_from(
        [("training",), ("training", "fit"), ("training", "planes"), ("results",)]
    ),
    value=st.sampled_from([[], [1], "", "x", 0, 3, {"a": 1}]),
)
@example(place=("training", "fit"), value=[1])
@example(place=("training", "fit"), value="x")
@example(place=("training", "fit"), value=3)
@example(place=("training", "fit"), value=[])
def test_parts_of_a_checkpoint_that_are_something_else(
    box: Sandbox, place: tuple[str, ...], value: object
) -> None:
    from ibtrain.runs.checkpoints import Checkpoints
    from ibtrain.runs.execution import Run
    from ibtrain.runs.setup import RunSetup
    from ibtrain.runs.states import read_state, write_state

    with box.case() as work:
        path = work / "interrupted" / "state-000001.npz"
        state = read_state(path)
        holder = state["training"]
        for key in place[:-1]:
            holder = holder[key]
        holder[place[-1]] = value
        write_state(path, state)
        checkpoints = Checkpoints(work / "interrupted", CheckpointInterval(epochs=100))
        check_reader(lambda: Run(RunSetup(TINY), checkpoints).train(), may_fail=True)


@given(
    numbers=st.lists(st.sampled_from(NUMBERS_OF_STATES), max_size=3, unique=True),
    contents=st.lists(
        st.sampled_from(["sound", "empty", "folder", "link"]), min_size=3, max_size=3
    ),
    writes=st.integers(1, 4),
)
def test_planted_checkpoints(
    box: Sandbox, numbers: list[int], contents: list[str], writes: int
) -> None:
    """Whatever the folder holds, what is written last is what a run goes on from."""
    from ibtrain.runs.checkpoints import Checkpoints

    with box.case() as work:
        folder = work / "interrupted"
        sound = (folder / "state-000001.npz").read_bytes()
        for number, content in zip(numbers, contents, strict=False):
            path = folder / f"state-{number:06d}.npz"
            path.unlink(missing_ok=True)
            if content == "folder":
                path.mkdir()
            elif content == "link":
                path.symlink_to(work.parent / "outside" / "precious")
            else:
                path.write_bytes(sound if content == "sound" else b"")
        checkpoints = Checkpoints(folder, CheckpointInterval(epochs=100))
        written = 0
        for number in range(writes):
            # a folder in the very place of a file is told
            written += check_reader(lambda number=number: checkpoints.write({"n": number}))  # type: ignore[misc]
        if written == writes:
            assert checkpoints.load() == {"n": writes - 1}


FILES = (
    "config.json", "environment.json", "metrics.jsonl", "results.json", ".lock", "plane.png",
    "checkpoints/state-000001.npz", "checkpoints/state-000002.npz", "curves.png",
)  # fmt: skip


@given(
    name=st.sampled_from(FILES),
    number=st.sampled_from([errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.EMFILE]),
)
def test_a_file_that_cannot_be_opened_for_a_while_costs_nothing(
    box: Sandbox, name: str, number: int
) -> None:
    with box.case() as work:
        before = events_of(work / "paused")
        with failing(Path(name).name, number):
            result = check_command("resume", "paused", "--checkpoint-every", "1", has_begun=True)
        if result.exit_code != 0:
            assert events_of(work / "paused")[: len(before)] == before
            assert check_command("resume", "paused", has_begun=True).exit_code == 0
        check_whole(work / "paused")


@given(name=st.sampled_from(FILES))
def test_a_hard_link_is_never_written_through(box: Sandbox, name: str) -> None:
    """What it leads to lies outside of the folder to work in, which a case checks."""
    with box.case() as work:
        path = work / "paused" / name
        outside = work.parent / "outside" / "precious"
        content = path.read_bytes() if path.exists() else outside.read_bytes()
        path.unlink(missing_ok=True)
        with outside_holding(outside, content):
            path.hardlink_to(outside)
            if check_command("resume", "paused", has_begun=True).exit_code == 0:
                check_whole(work / "paused")
            assert outside.read_bytes() == content


@contextmanager
def outside_holding(path: Path, content: bytes) -> Iterator[None]:
    """A file with another content for a while."""
    before = path.read_bytes()
    path.write_bytes(content)
    yield
    path.unlink()
    path.write_bytes(before)


def events_of(run: Path) -> list[str]:
    return (run / "metrics.jsonl").read_text().splitlines()


def check_whole(run: Path) -> None:
    """A finished run of the sandbox's has its results, and each of its events once."""
    assert (run / "results.json").exists()
    events = [json.loads(line) for line in events_of(run)]
    epochs = [(e["method"], e["stage"], e["epoch"]) for e in events if e["event"] == "epoch"]
    stages = [("layerwise", stage) for stage in ("hidden1", "hidden2", "output")]
    assert epochs == [(*stage, 1) for stage in [*stages, ("end_to_end", "network")]]
    assert sum(event["event"] == "result" for event in events) == 2


@given(content=json_files(record_document()))
def test_records_of_bench(box: Sandbox, content: bytes) -> None:
    from ibtrain.cli.bench import _seconds_of

    with box.case():
        Path("record.json").write_bytes(content)
        check_reader(lambda: _seconds_of(Path("record.json")))
