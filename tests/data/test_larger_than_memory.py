"""Data sets of which a copy would take too much memory: their samples are in mapped files, and the same."""

import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import DataLoader, IterableDataset
from torch.utils.data import Dataset as TorchDataset

from ibtrain import Dataset, LayerwiseTrainer, OptimConfig, load_dataset, mlp
from ibtrain.backend import mapped, memory
from ibtrain.data import tables
from ibtrain.data.tables import read_table_parts
from ibtrain.errors import DataError, OutOfMemoryError, UnreadableError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4000, 6)).astype(np.float32)
IMAGES = RNG.integers(0, 256, (4000, 3, 2, 1), dtype=np.uint8)
CHANNELS_LAST = RNG.integers(0, 256, (4000, 2, 1, 3), dtype=np.uint8)
Y = np.arange(4000) % 3
COPY = X.nbytes
"""Bytes of all samples in float32."""


def write(folder: Path, **arrays: NDArray[np.generic]) -> str:
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return f"npy:{folder}"


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of temporary files, and memory for copies of a twentieth of the samples."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(memory, "host_memory", lambda: 8 * COPY // 20)
    yield folder
    # files without a name are gone after a crash, too
    assert not list(folder.glob("ibtrain-*"))


@contextmanager
def much_memory() -> Iterator[None]:
    """Memory for all copies within the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "host_memory", lambda: 100 * COPY)
        yield


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[int, ...], torch.dtype]]:
    """Shapes and types of the tensors that were put into files."""
    tensors: list[tuple[tuple[int, ...], torch.dtype]] = []
    original = mapped.mapped_tensor

    def spy(shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        tensors.append((tuple(shape), dtype))
        return original(shape, dtype)

    monkeypatch.setattr(mapped, "mapped_tensor", spy)
    return tensors


def num_maps(folder: Path) -> int:
    return Path("/proc/self/maps").read_text().count(str(folder))


@pytest.mark.parametrize("x", [X, IMAGES, CHANNELS_LAST], ids=["numbers", "bytes", "channels last"])
@pytest.mark.parametrize("has_test", [False, True])
def test_they_are_those_in_memory(
    x: NDArray[np.generic], has_test: bool, tmp_path: Path, scratch: Path
) -> None:
    test = (x[:1500] + np.ones_like(x[:1500]), Y[:1500])
    more = {"x_test": test[0], "y_test": test[1]} if has_test else {}
    name = write(tmp_path / "data", x=x, y=Y, **more)
    with much_memory():
        np.savez(tmp_path / "data.npz", x=x, y=Y, **more)
        expected = load_dataset(f"npz:{tmp_path}/data.npz", validation=0.25)
        assert num_maps(scratch) == 0
    for source in (name, f"npz:{tmp_path}/data.npz"):
        data = load_dataset(source, validation=0.25)
        assert data.fingerprint() == expected.fingerprint()
        assert data.scaling and data.scaling.has_scaled(expected.train.x)
        # and so for a part of them
        assert data.scaling.has_scaled(data.test.x[:3])
        # each split
        assert num_maps(scratch) == 3
        del data
        assert num_maps(scratch) == 0


def test_a_map_of_a_user_is_not_read_into_memory(tmp_path: Path, scratch: Path) -> None:
    write(tmp_path, x=X)
    data = Dataset.from_arrays(np.load(tmp_path / "x.npy", mmap_mode="r"), Y)
    assert num_maps(scratch) == 2
    with much_memory():
        expected = Dataset.from_arrays(X, Y)
    assert num_maps(scratch) == 2
    assert data.fingerprint() == expected.fingerprint()


@pytest.mark.parametrize("wide", [None, "train/a/7", "test/a/0", "train/b/19"])
def test_a_folder_of_images_is_not_read_into_memory(
    tmp_path: Path, scratch: Path, wide: str | None
) -> None:
    """Images of 8 and 16 bits, which become 16; the first of 16 bits may be in either split."""
    for split, count in (("train", 20), ("test", 5)):
        for label in ("a", "b"):
            (tmp_path / split / label).mkdir(parents=True)
            for index in range(count):
                pixels = RNG.integers(0, 256, (25, 20, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / split / label / f"{index}.png")
    if wide:
        pixels = RNG.integers(0, 65536, (25, 20), dtype=np.uint16)
        Image.fromarray(pixels).save(tmp_path / f"{wide}.png")
    with much_memory():
        expected = load_dataset(f"folder:{tmp_path}")
    assert num_maps(scratch) == 0
    data = load_dataset(f"folder:{tmp_path}")
    # of 40 and of 10 images, 1,500 bytes each, in float32
    assert num_maps(scratch) == 2
    assert data.fingerprint() == expected.fingerprint()
    assert torch.equal(data.train.x, expected.train.x)


def test_images_without_space_are_told(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for split in ("train", "test"):
        for label in ("a", "b"):
            (tmp_path / split / label).mkdir(parents=True)
            Image.new("RGB", (90, 99)).save(tmp_path / split / label / "0.png")
    monkeypatch.setattr(mapped, "free_disk", lambda: 9)
    message = rf"{tmp_path}: 2 images: 53460 bytes are more than 0.5 of .*9 bytes are free in .*; lower their number, or their size with --resize, or set"
    with pytest.raises(OutOfMemoryError, match=message):
        load_dataset(f"folder:{tmp_path}")


FRAME = pd.DataFrame(X, columns=list("abcdef")).assign(label=np.array(["cat", "dog", "owl"])[Y])


@pytest.mark.parametrize("index", [None, "id"])
def test_a_parquet_file_is_not_read_into_memory(
    tmp_path: Path,
    scratch: Path,
    made: list[object],
    monkeypatch: pytest.MonkeyPatch,
    index: str | None,
) -> None:
    """Its columns are of different types, and it has groups of rows that are no multiple of its parts."""
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(tables, "PART_VALUES", 700)
    frame = FRAME.assign(count=np.arange(4000), id=np.arange(4000)[::-1])
    frame = frame.set_index(index) if index else frame
    path = tmp_path / "data.parquet"
    frame.to_parquet(path, row_group_size=999)
    with much_memory():
        expected = load_dataset(str(path))
    assert num_maps(scratch) == 0
    data = load_dataset(str(path))
    assert num_maps(scratch) == 2
    # as read, before it is centred
    assert made[0] == ((4000, 7 if index else 8), torch.float64)
    assert data.fingerprint() == expected.fingerprint()
    assert data.classes == ("cat", "dog", "owl")
    assert data.scaling and expected.scaling
    assert data.scaling.columns == expected.scaling.columns
    assert torch.equal(data.scaling.center, expected.scaling.center)


@pytest.mark.parametrize(
    ("column", "row", "value", "message"),
    [
        (
            "b",
            2500,
            np.nan,
            "rows 2500 to 2999, here counted from 0: got 1 missing value in column 'b'",
        ),
        (
            "b",
            3999,
            np.inf,
            "rows 3500 to 3999, here counted from 0: got 1 NaN or infinite values .*in row 499",
        ),
        (
            "label",
            0,
            None,
            "rows 0 to 499, here counted from 0: got 1 missing value in column 'label', the labels",
        ),
    ],
)
def test_a_part_of_a_parquet_file_is_named(
    tmp_path: Path,
    scratch: Path,
    monkeypatch: pytest.MonkeyPatch,
    column: str,
    row: int,
    value: float | None,
    message: str,
) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(tables, "PART_VALUES", 3500)
    frame = FRAME.copy()
    frame.loc[row, column] = value
    frame.to_parquet(tmp_path / "data.parquet")
    with pytest.raises(DataError, match=message):
        load_dataset(str(tmp_path / "data.parquet"))


def test_a_part_of_a_parquet_file_is_read_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a file with one group of rows."""
    pa = pytest.importorskip("pyarrow")
    monkeypatch.setattr(tables, "PART_VALUES", 200_000)
    values = RNG.standard_normal((1_000_000, 10))
    pd.DataFrame(values, columns=list("abcdefghij")).to_parquet(tmp_path / "data.parquet")
    before = pa.total_allocated_bytes()
    rows, most = 0, 0
    for part in read_table_parts(tmp_path / "data.parquet"):
        most = max(most, pa.total_allocated_bytes() - before)
        np.testing.assert_array_equal(part, values[rows : rows + 20_000])
        rows += len(part)
    assert rows == len(values)
    # mostly a dictionary of each column, of a size that does not depend on the number of rows: 0.28 of all values
    assert most < 0.5 * values.nbytes


class Stream(IterableDataset[tuple[torch.Tensor, int]]):
    """Samples of which nobody knows the number."""

    def __iter__(self) -> Iterator[tuple[torch.Tensor, int]]:
        return zip(torch.from_numpy(X), Y.tolist(), strict=True)

    def __len__(self) -> int:
        raise NotImplementedError


class Pairs(TorchDataset[tuple[torch.Tensor, int]]):
    dtype = torch.float32

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.from_numpy(X[index]).to(self.dtype), int(Y[index])


class Halves(Pairs):
    dtype = torch.bfloat16


BATCHES = DataLoader(Pairs(), batch_sampler=[list(range(i, i + 500)) for i in range(0, 4000, 500)])


@pytest.mark.parametrize(
    ("source", "capacity"),
    [
        (Pairs(), 4000),
        (Halves(), 4000),
        (Stream(), 4096),
        (DataLoader(Pairs(), 7), 4000),
        (BATCHES, 4000),
    ],
)
def test_a_loader_is_not_read_into_memory(
    source: Any, capacity: int, scratch: Path, made: list[object]
) -> None:
    x = torch.from_numpy(X)
    with much_memory():
        expected = Dataset.from_arrays(x.to(torch.bfloat16) if isinstance(source, Halves) else x, Y)
        assert Dataset.from_torch(source).fingerprint() == expected.fingerprint()
    assert num_maps(scratch) == 0
    data = Dataset.from_torch(source)
    assert num_maps(scratch) == 2
    # as read, and centred
    expected_files = ((capacity, 6), torch.float32), ((4000, 6), torch.float32)
    assert expected_files in list(pairwise(made))
    assert data.fingerprint() == expected.fingerprint()


def test_batches_are_not_kept_by_their_labels() -> None:
    chunks: list[weakref.ref[torch.Tensor]] = []
    alive: list[int] = []

    class Chunks(IterableDataset[Any]):
        def __iter__(self) -> Iterator[Any]:
            for start in range(0, 4000, 100):
                alive.append(sum(chunk() is not None for chunk in chunks))
                rows = slice(start, start + 100)
                chunk = torch.from_numpy(np.column_stack([X[rows], Y[rows]]))
                chunks.append(weakref.ref(chunk))
                yield chunk[:, :6], chunk[:, 6]

    data = Dataset.from_torch(DataLoader(Chunks(), batch_size=None))
    assert data.fingerprint() == Dataset.from_arrays(X, Y).fingerprint()
    assert max(alive) <= 2


@pytest.mark.parametrize("has_test", [False, True])
def test_rows_in_reverse_are_read(has_test: bool) -> None:
    """NumPy has strides below zero, and torch none."""
    test = (IMAGES[:9][::-1], Y[:9]) if has_test else None
    same = None if test is None else (test[0].copy(), test[1])
    found, expected = (
        Dataset.from_arrays(x, Y, test=pair)
        for x, pair in ((IMAGES[::-1], test), (IMAGES[::-1].copy(), same))
    )
    assert found.fingerprint() == expected.fingerprint()


def test_a_folder_of_arrays_is_read(tmp_path: Path) -> None:
    name = write(tmp_path, x_train=X, y_train=Y)
    assert load_dataset(name).fingerprint() == Dataset.from_arrays(X, Y).fingerprint()
    for given in (tmp_path, tmp_path / "x.npy"):
        with pytest.raises(DataError, match=rf"did you mean 'npy:{tmp_path}'"):
            load_dataset(str(given))


def test_a_disk_that_is_full_is_told(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped, "free_disk", lambda: COPY - 1)
    message = (
        f"data: x, y: {COPY} bytes are more than 0.5 of .*{COPY - 1} bytes are free in .*; set"
    )
    with pytest.raises(OutOfMemoryError, match=message):
        load_dataset(write(tmp_path / "data", x=X, y=Y))


def test_a_folder_without_arrays_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: got no such folder, expected a folder with x"):
        load_dataset(f"npy:{tmp_path}/nowhere")
    name = write(tmp_path, y=Y)
    with pytest.raises(UnreadableError, match=r"x\.npy: got no such file"):
        load_dataset(name)
    write(tmp_path, x=X, x_test=X)
    with pytest.raises(DataError, match="expected both x_test and y_test, or neither"):
        load_dataset(name)


def header(shape: str) -> bytes:
    """That of an array of some shape, without values."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no array", "expected an npy file of a plain array"),
        (b"", "expected an npy file of a plain array"),
        (b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f4', ", "expected an npy file of a plain array"),
        (header("(2**70, 3)"), "expected an npy file of a plain array"),
        (header("[1]"), "expected an npy file of a plain array"),
    ],
)
def test_broken_arrays_are_told(tmp_path: Path, content: bytes, message: str) -> None:
    name = write(tmp_path, x=X, y=Y)
    path = tmp_path / "x.npy"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"x\.npy: got a file that can't be read, {message}"):
        load_dataset(name)


def test_an_array_that_breaks_off_is_told(tmp_path: Path) -> None:
    name = write(tmp_path, x=X, y=Y)
    path = tmp_path / "x.npy"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DataError, match=r"x\.npy: got float32 of .* declared, 95992 bytes stored"):
        load_dataset(name)


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    name = write(tmp_path, y=Y)
    np.save(tmp_path / "x.npy", np.array([[print], [None]]), allow_pickle=True)
    with pytest.raises(DataError, match=r"x\.npy: got objects, expected plain arrays"):
        load_dataset(name)


def test_predictions_and_training_are_those_in_memory(tmp_path: Path, scratch: Path) -> None:
    name = write(tmp_path / "data", x=X, y=Y)
    samples = np.load(tmp_path / "data" / "x.npy", mmap_mode="r")
    maps: list[int] = []
    results, scores = [], []
    for memory_of in (nullcontext, much_memory):
        maps.clear()
        with memory_of():
            torch.manual_seed(0)
            trainer = LayerwiseTrainer(
                mlp(6, [5, 4], 3),
                optim=OptimConfig(epochs=1, batch_size=100, learning_rate=1e-3),
                progress=False,
                callbacks=[lambda event: maps.append(num_maps(scratch))],
            )
            results.append(trainer.fit(load_dataset(name)))
            scores.append(results[-1].predict_proba(samples))
        # both splits, and the outputs of a frozen block for each
        assert max(maps) == (4 if memory_of is nullcontext else 0)
    states = [result.network.state_dict() for result in results]
    torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)
    assert results[0].accuracies == results[1].accuracies
    np.testing.assert_array_equal(scores[0], scores[1])
