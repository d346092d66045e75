"""Every reader refuses in one line what it can't read, and writes nothing."""

import json
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from malformed import broken, image_files, json_files, mutated, npz_files
from sandbox import (
    TINY,
    Sandbox,
    check_command,
    check_reader,
    config_document,
    point_event,
    record_document,
    results_document,
)

from ibtrain.config import RunConfig
from ibtrain.data.load import load_dataset
from ibtrain.interval import Interval
from ibtrain.runs import RunFolder

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
        check_reader(lambda: list(folder.events()))
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
    from ibtrain.checkpoints import Checkpoints, read_state
    from ibtrain.experiment import Course, Experiment

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
        checkpoints = Checkpoints(work / "interrupted", Interval(epochs=100))
        check_reader(lambda: Course(Experiment(TINY), checkpoints).run(), may_fail=True)


@given(content=json_files(record_document()))
def test_records_of_bench(box: Sandbox, content: bytes) -> None:
    from ibtrain.cli.bench import _seconds_of

    with box.case():
        Path("record.json").write_bytes(content)
        check_reader(lambda: _seconds_of(Path("record.json")))
