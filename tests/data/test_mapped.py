"""Arrays of npz files as memory maps."""

import os
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ibtrain.data.mapped import map_archive
from ibtrain.errors import DataError

ARRAYS: dict[str, np.ndarray[Any, Any]] = {
    "x": np.random.default_rng(0).standard_normal((50, 3)).astype(np.float32),
    "y": np.arange(50, dtype=">i2"),
    "columns": np.asfortranarray(np.arange(12.0).reshape(4, 3)),
    "truth": np.arange(5) > 2,
    "one": np.array(3.0),
}


def test_a_stored_array_is_mapped_and_the_same(tmp_path: Path) -> None:
    np.savez(tmp_path / "pairs.npz", **ARRAYS)
    arrays = map_archive(tmp_path / "pairs.npz", list(ARRAYS))
    with np.load(tmp_path / "pairs.npz") as expected:
        for key, array in arrays.items():
            assert isinstance(array, np.memmap)
            assert array.dtype == expected[key].dtype
            np.testing.assert_array_equal(array, expected[key])
    with pytest.raises(ValueError, match="read-only"):
        arrays["x"][0] = 0


def test_a_compressed_array_is_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "pairs.npz", **ARRAYS)
    arrays = map_archive(tmp_path / "pairs.npz", ["x", "y"])
    assert not isinstance(arrays["x"], np.memmap)
    np.testing.assert_array_equal(arrays["x"], ARRAYS["x"])


def npy(array: np.ndarray[Any, Any], **options: Any) -> bytes:
    file = BytesIO()
    np.lib.format.write_array(file, array, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        npy(ARRAYS["x"])[:-8],
        npy(ARRAYS["x"]).replace(b"(50, 3)", b"(90, 3)"),
        npy(np.array([None, 1]), allow_pickle=True),
    ],
    ids=["truncated", "more rows than there are", "objects"],
)
def test_what_cannot_be_mapped_is_refused_as_ever(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pairs.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", content)
    with pytest.raises(DataError, match=r"that matches the stored bytes|need no unpickling"):
        map_archive(path, ["x"])


def test_a_missing_file_and_a_missing_key_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        map_archive(tmp_path / "nothing.npz", ["x"])
    np.savez(tmp_path / "pairs.npz", **ARRAYS)
    with pytest.raises(DataError, match="expected a key 'z'"):
        map_archive(tmp_path / "pairs.npz", ["x", "z"])


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="not a regular file"):
        map_archive(tmp_path / "pipe", ["x"])


def test_names_are_read_in_pairs(tmp_path: Path) -> None:
    path = tmp_path / "pairs.npz"
    np.savez(path, x_train=np.zeros(3), y_train=np.ones(3), y=np.full(3, 2.0))
    with pytest.raises(DataError, match="expected a key 'x'"):
        map_archive(path, ("x", "y"), aliases={"x": "x_train", "y": "y_train"})
    np.savez(path, x_train=np.zeros(3), y_train=np.ones(3))
    arrays = map_archive(path, ("x", "y"), aliases={"x": "x_train", "y": "y_train"})
    assert all(isinstance(array, np.memmap) for array in arrays.values())
    assert arrays["y"].tolist() == [1, 1, 1]
