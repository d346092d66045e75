"""MATLAB files are read, and broken or malicious ones are refused before memory is allocated for them."""

import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from scipy.io import loadmat, savemat
from scipy.sparse import csc_matrix

from ibtrain.cli.main import cli
from ibtrain.data.load import load_dataset
from ibtrain.data.matlab import read_mat
from ibtrain.errors import DataError, IBTrainWarning, UnreadableError

RNG = np.random.default_rng(0)
X = RNG.integers(200, size=(60, 7))
Y = np.arange(60) % 2
HEADER = b"MATLAB 5.0 MAT-file".ljust(124)
MAX_MEMORY = 20 << 20
"""Maximum number of bytes for reading a small file; every malicious file below asks for far more."""


def mat(folder: Path, **options: Any) -> Path:
    path = folder / "data.mat"
    variables = options.pop("variables", {"F": X.astype(np.uint8), "y": Y[None]})
    savemat(path, variables, **options)
    return path


@pytest.mark.parametrize("options", [{}, {"do_compression": True}])
def test_samples_and_labels_are_read(tmp_path: Path, options: dict[str, Any]) -> None:
    raw = read_mat(mat(tmp_path, **options))
    assert (len(raw.x_train), len(raw.x_test)) == (48, 12)
    x = np.concatenate([raw.x_train, raw.x_test]).astype(float)
    # samples that are not bytes are centred
    x += X.mean(0) * (raw.x_train.dtype != np.uint8)
    rows = {tuple(row) for row in np.c_[x, raw.y_train.tolist() + raw.y_test.tolist()].round(3)}
    assert rows == {tuple(row) for row in np.c_[X, Y].astype(float)}


def test_a_file_of_matlab_4_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"a file of MATLAB 5 to 7.2 with F and y \(it has no MATLAB"
    ):
        read_mat(mat(tmp_path, format="4"))


def test_the_split_is_that_of_an_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=X, y=Y)
    expected = load_dataset(f"npz:{tmp_path}/data.npz")
    for labels in (Y[None], Y[:, None], Y.astype(bool)[None], Y.astype(float)[None]):
        path = mat(tmp_path, variables={"F": X, "y": labels, "extra": np.zeros(9), "s": "text"})
        data = load_dataset(f"mat:{path}")
        assert torch.equal(data.train.x, expected.train.x)
        assert torch.equal(data.test.y, expected.test.y)


def test_a_file_in_the_other_byte_order(tmp_path: Path) -> None:
    """Made by hand, since scipy only writes little-endian files."""

    def element(kind: int, content: bytes) -> bytes:
        return struct.pack(">II", kind, len(content)) + content + bytes(-len(content) % 8)

    def variable(name: str, values: np.ndarray) -> bytes:
        flags = element(6, struct.pack(">II", 6, 0))
        dims = element(5, struct.pack(">ii", *values.shape))
        body = element(9, values.astype(">f8").tobytes("F"))
        return element(14, flags + dims + element(1, name.encode()) + body)

    parts = [variable("F", X), variable("y", Y[None])]
    header = HEADER + b"\x01\x00MI"
    packed = [element(15, zlib.compress(part)) for part in parts]
    for content in (parts, [part[: 8 + struct.unpack(">I", part[4:8])[0]] for part in packed]):
        (tmp_path / "big.mat").write_bytes(header + b"".join(content))
        assert len(read_mat(tmp_path / "big.mat").x_train) == 48


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"F": X}, "data.mat: got variables F, expected one variable 'y'"),
        ({"x": X, "y": Y}, "data.mat: got variables x, y, expected one variable 'F'"),
        ({}, "data.mat: got variables nothing, expected one variable 'F'"),
        ({"F": X, "y": Y[:-1]}, r"F, y: got labels of shape \(59,\), expected one label for each"),
        ({"F": X, "y": X}, r"F, y: got labels of shape \(60, 7\)"),
        ({"F": np.where(X, np.nan, 0.0), "y": Y}, "NaN or infinite values in the samples"),
        ({"F": X, "y": np.where(Y, np.nan, 0.0)}, "30 missing values in the labels"),
        ({"F": X, "y": Y + 0.5}, "label 0.5, expected whole numbers"),
        ({"F": X * 1j, "y": Y}, "F: got a variable of class complex and shape"),
        ({"F": "text", "y": Y}, "F: got a variable of class char and shape .*, expected a matrix"),
        ({"F": X[None], "y": Y}, r"F: got a variable of class .* and shape \(1, 60, 7\)"),
        ({"F": csc_matrix(X * 1.0), "y": Y}, "F: got a variable of class sparse"),
        ({"F": {"a": 1}, "y": Y}, "F: got a variable of class struct"),
        ({"F": np.array([X, "a"], dtype=object), "y": Y}, "F: got a variable of class cell"),
        ({"F": np.zeros((0, 7)), "y": np.zeros((1, 0))}, "at least one value in each"),
    ],
)
def test_other_contents_are_refused(
    tmp_path: Path, variables: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load_dataset(f"mat:{mat(tmp_path, variables=variables)}")


def test_missing_and_unreadable_files_are_reported(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="no such file, expected a file of MATLAB 5"):
        read_mat(tmp_path / "none.mat")
    with pytest.raises(DataError, match="not a regular file, expected a MATLAB file"):
        read_mat(tmp_path)
    (tmp_path / "new.mat").write_bytes(HEADER + b"\x00\x02IM")
    with pytest.raises(DataError, match=r"a file of MATLAB 7.3, expected one that was saved with"):
        read_mat(tmp_path / "new.mat")


def test_copies_go_to_one_split(tmp_path: Path) -> None:
    twice = {"F": np.concatenate([X, X]) + np.arange(60.0)[None].repeat(2, 0).reshape(-1, 1), "y": np.r_[Y, Y]}  # fmt: skip
    with pytest.warns(IBTrainWarning, match="50.00% of the samples are copies"):
        raw = read_mat(mat(tmp_path, variables=twice))
    rows = [{row.tobytes() for row in x} for x in (raw.x_train, raw.x_test)]
    assert not rows[0] & rows[1]


def variable(name: bytes, shape: tuple[int, ...], body: bytes, declared: int = -1) -> bytes:
    """A variable of doubles, as a MATLAB 5 file stores it."""
    body = struct.pack("<II", 9, len(body) if declared < 0 else declared) + body
    flags = struct.pack("<IIII", 6, 8, 6, 0)
    dims = struct.pack("<II", 5, 8) + struct.pack("<ii", *shape)
    content = flags + dims + struct.pack("<HH4s", 1, len(name), name) + body
    return struct.pack("<II", 14, len(content)) + content


def compressed(content: bytes) -> bytes:
    packed = zlib.compress(content)
    return struct.pack("<II", 15, len(packed)) + packed


def file_of(*elements: bytes) -> bytes:
    labels = variable(b"y", (1, 60), Y.astype(float).tobytes())
    return HEADER + b"\x00\x01IM" + b"".join([*elements, labels])


def another_bit(content: bytes) -> bytes:
    """Flips a bit of the checksum at the end."""
    return content[:-1] + bytes([content[-1] ^ 1])


GOOD = variable(b"F", (60, 7), X.astype(float).tobytes("F"))
LIAR = struct.pack("<II", 14, 1 << 30) + GOOD[8:]
HUGE = variable(b"F", (1 << 12, 1 << 11), bytes(64 << 20))
MALICIOUS: dict[str, tuple[bytes, str]] = {
    "too many rows": (variable(b"F", (1 << 30, 7), bytes(80)), "(1073741824, 7) declared, 10"),
    "negative": (variable(b"F", (-5, -2), bytes(80)), "(-5, -2) declared, 10 values stored"),
    "too many bytes": (variable(b"F", (60, 7), bytes(80), 1 << 30), "a file that can't be read"),
    "too many bytes, compressed": (
        compressed(variable(b"F", (60, 7), bytes(80), 1 << 30)), "a file that can't be read",
    ),
    "bomb": (compressed(HUGE), "got variables of 67108"),
    "liar": (compressed(LIAR), "got 1073741824 bytes of type 14 declared, 886 stored"),
    "short liar": (
        compressed(GOOD[:4] + struct.pack("<I", 80) + HUGE[8:]), "a file that can't be read",
    ),
    "nested": (compressed(compressed(HUGE)), "bytes of type 15 declared"),
    "cut": (compressed(GOOD)[:-400], "a file that can't be read"),
    "no zlib": (struct.pack("<II", 15, 80) + bytes(80), "a file that can't be read"),
    "another bit": (another_bit(compressed(GOOD)), "incorrect data check"),
    "twice": (GOOD + GOOD, "got variables F, F, y, expected one variable 'F'"),
    "another name": (variable(b"Fy", (60, 7), bytes(80)), "got variables Fy, y, expected one"),
    "no values": (GOOD[:4] + struct.pack("<I", 40) + GOOD[8:48], "a file that can't be read"),
    "no numbers": (GOOD.replace(struct.pack("<II", 9, 3360), struct.pack("<II", 15, 3360)), "values of type 15"),
}  # fmt: skip


@pytest.mark.parametrize("kind", MALICIOUS)
def test_malicious_files_are_refused_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    content, message = MALICIOUS[kind]
    path = tmp_path / "data.mat"
    path.write_bytes(file_of(content))
    # a machine on which 64 MiB are more than half of the memory, and 32 are not
    monkeypatch.setattr("ibtrain.backend.memory.host_memory", lambda: 100 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as error:
            read_mat(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert message in str(error.value)
    assert peak < MAX_MEMORY
    result = CliRunner().invoke(cli, ["compare", "--dataset", f"mat:{path}"])
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1


def test_a_file_larger_than_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = mat(tmp_path)
    monkeypatch.setattr("ibtrain.backend.memory.host_memory", lambda: 1000)
    with pytest.raises(UnreadableError, match=r"a file of [0-9]+ bytes"):
        read_mat(path)


@pytest.mark.parametrize("name", ["g1", "g2", "var_u"])
def test_the_files_of_idnns(data_root: Path, name: str) -> None:
    path = data_root / "szt" / f"{name}.mat"
    if not path.exists():
        pytest.skip(f"no {path}")
    data = load_dataset(f"mat:{path}")
    assert (len(data.train), len(data.test), data.num_classes) == (3277, 819, 2)
    x = torch.cat([split.x for split in data.splits.values()]) > 0
    y = torch.cat([split.y for split in data.splits.values()])
    expected = loadmat(path)
    pairs = {(*row, label) for row, label in zip(x.int().tolist(), y.tolist(), strict=True)}
    assert pairs == {tuple(row) for row in np.c_[expected["F"], expected["y"][0]].tolist()}
    assert len(pairs) == 4096
