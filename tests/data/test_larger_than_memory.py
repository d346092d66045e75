"""Data sets of which a copy would take too much memory: their samples are in mapped files, and the same."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ibtrain import Dataset, load_dataset
from ibtrain.backend import mapped, memory
from ibtrain.errors import DataError, OutOfMemoryError, UnreadableError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4000, 6)).astype(np.float32)
IMAGES = RNG.integers(0, 256, (4000, 3, 2, 1), dtype=np.uint8)
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


def num_maps(folder: Path) -> int:
    return Path("/proc/self/maps").read_text().count(str(folder))


@pytest.mark.parametrize("x", [X, IMAGES], ids=["numbers", "bytes"])
@pytest.mark.parametrize("has_test", [False, True])
def test_they_are_those_in_memory(
    x: NDArray[np.generic], has_test: bool, tmp_path: Path, scratch: Path
) -> None:
    test = (x[:1500] + np.ones_like(x[:1500]), Y[:1500])
    more = {"x_test": test[0], "y_test": test[1]} if has_test else {}
    name = write(tmp_path / "data", x=x, y=Y, **more)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "host_memory", lambda: 100 * COPY)
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
    assert data.fingerprint() == Dataset.from_arrays(X, Y).fingerprint()


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
    message = f"data: x, y: got {COPY} bytes, .* or the {COPY - 1} bytes free"
    with pytest.raises(OutOfMemoryError, match=message):
        load_dataset(write(tmp_path / "data", x=X, y=Y))


def test_a_folder_without_arrays_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: got no such folder, expected a folder with x"):
        load_dataset(f"npy:{tmp_path}/nowhere")
    name = write(tmp_path, y=Y)
    with pytest.raises(UnreadableError, match=r"x_train\.npy: got no such file"):
        load_dataset(name)
    write(tmp_path, x=X, x_test=X)
    with pytest.raises(DataError, match="expected both x_test and y_test, or neither"):
        load_dataset(name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no array", "expected an npy file of a plain array"),
        (b"", "expected an npy file of a plain array"),
        (None, "expected an npy file of a plain array .*file size"),
    ],
)
def test_broken_arrays_are_told(tmp_path: Path, content: bytes | None, message: str) -> None:
    name = write(tmp_path, x=X, y=Y)
    path = tmp_path / "x.npy"
    path.write_bytes(path.read_bytes()[:-8] if content is None else content)
    with pytest.raises(DataError, match=rf"x\.npy: got a file that can't be read, {message}"):
        load_dataset(name)


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    name = write(tmp_path, y=Y)
    np.save(tmp_path / "x.npy", np.array([[print], [None]]), allow_pickle=True)
    with pytest.raises(DataError, match=r"x\.npy: got a file that can't be read, .*objects"):
        load_dataset(name)


def test_predictions_and_training_are_those_in_memory(tmp_path: Path, scratch: Path) -> None:
    from ibtrain import LayerwiseTrainer, OptimConfig, mlp

    name = write(tmp_path / "data", x=X, y=Y)
    results = []
    for data in (load_dataset(name), Dataset.from_arrays(X, Y)):
        torch.manual_seed(0)
        optim = OptimConfig(epochs=1, batch_size=100, learning_rate=1e-3)
        trainer = LayerwiseTrainer(mlp(6, [5, 4], 3), optim=optim, progress=False)
        results.append(trainer.fit(data))
    states = [result.network.state_dict() for result in results]
    torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)
    assert results[0].accuracies == results[1].accuracies
