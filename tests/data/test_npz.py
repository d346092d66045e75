"""Malicious archives are rejected, with a message of one line, before memory is allocated for them."""

import io
import pickle
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.lib import format as npy

from ibtrain.cli.main import cli
from ibtrain.data.archives import read_archive
from ibtrain.errors import DataError

MAX_MEMORY = 20 << 20
"""Maximum number of bytes for reading a small archive; every archive below asks for far more."""


def stored(array: Any) -> bytes:
    file = io.BytesIO()
    npy.write_array(file, np.asarray(array))
    return file.getvalue()


def header(shape: object, descr: object = "<f8") -> bytes:
    file = io.BytesIO()
    npy.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue()


def archive(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in {"y.npy": stored(np.arange(9) % 3), **members}.items():
            file.writestr(name, content)
    return path


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def objects(folder: Path) -> Path:
    content = header((1,), "|O") + pickle.dumps(np.array([Trap(folder / "sprung")], dtype=object))
    return archive(folder / "a.npz", {"x.npy": content})


def too_many(folder: Path) -> Path:
    return archive(folder / "a.npz", {"x.npy": header((10**12,)) + bytes(80)})


def overflowing(folder: Path) -> Path:
    # modulo 2**64 the size is 80 bytes again
    return archive(folder / "a.npz", {"x.npy": header((2**61 + 10,)) + bytes(80)})


def negative(folder: Path) -> Path:
    return archive(folder / "a.npz", {"x.npy": header((-10, -1)) + bytes(80)})


def bomb(folder: Path) -> Path:
    content = header((8 << 20,)) + bytes(64 << 20)
    return archive(folder / "a.npz", {"x.npy": content}, zipfile.ZIP_DEFLATED)


def liar(folder: Path) -> Path:
    """The archive's directory claims that a small member has a gigabyte."""
    path = archive(folder / "a.npz", {"x.npy": stored(np.zeros(9))})
    content = path.read_bytes()
    size = len(stored(np.zeros(9))).to_bytes(4, "little") * 2
    claimed = (1 << 30).to_bytes(4, "little") * 2
    assert content.count(size) >= 2
    path.write_bytes(content.replace(size, claimed))
    return path


def long_header(folder: Path) -> Path:
    content = npy.MAGIC_PREFIX + b"\x02\x00" + (32 << 20).to_bytes(4, "little") + b" " * (32 << 20)
    return archive(folder / "a.npz", {"x.npy": content}, zipfile.ZIP_DEFLATED)


def outside(folder: Path) -> Path:
    members = {"x.npy": stored(np.zeros((9, 2))), "../../x.npy": stored(np.zeros(9))}
    return archive(folder / "a.npz", members)


def absolute(folder: Path) -> Path:
    members = {"x.npy": stored(np.zeros((9, 2))), "/tmp/x.npy": stored(np.zeros(9))}
    return archive(folder / "a.npz", members)


def twice(folder: Path) -> Path:
    path = archive(folder / "a.npz", {"x.npy": stored(np.zeros(9)), "z.npy": stored(np.ones(9))})
    path.write_bytes(path.read_bytes().replace(b"z.npy", b"x.npy"))
    return path


def lzma(folder: Path) -> Path:
    return archive(folder / "a.npz", {"x.npy": stored(np.zeros(9))}, zipfile.ZIP_LZMA)


def tar(folder: Path) -> Path:
    path = folder / "a.tar"
    with tarfile.open(path, "w") as file:
        for name, kind, target in (
            ("../escaped", tarfile.REGTYPE, ""),
            (f"{folder}/escaped", tarfile.REGTYPE, ""),
            ("link", tarfile.SYMTYPE, str(folder)),
            ("hard", tarfile.LNKTYPE, "../../etc/passwd"),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            file.addfile(member)
    return path


def folder_in_its_place(folder: Path) -> Path:
    (folder / "a.npz").mkdir()
    return folder / "a.npz"


MALICIOUS = {
    objects: "x: got objects, expected plain arrays, which need no unpickling",
    too_many: "got float64 of shape (1000000000000,) declared, 80 bytes stored",
    overflowing: "got float64 of shape (2305843009213693962,) declared, 80 bytes stored",
    negative: "got float64 of shape (-10, -1) declared, 80 bytes stored",
    bomb: "got arrays of 67",
    liar: "x: got 1073741824 bytes declared",
    long_header: "expected an npz archive of plain arrays (a broken header: ",
    outside: "got a member named '../../x.npy', expected names that stay in the archive",
    absolute: "got a member named '/tmp/x.npy', expected names that stay in the archive",
    twice: "got a name that occurs twice",
    lzma: "x: got a compression that numpy never writes, expected none, or deflate",
    tar: "expected an npz archive of plain arrays (File is not a zip file)",
    folder_in_its_place: "got something that is not a regular file, expected an npz archive",
}


@pytest.mark.parametrize("make", MALICIOUS, ids=lambda make: make.__name__)
def test_it_is_refused_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Path]
) -> None:
    (tmp_path / "in").mkdir()
    path = make(tmp_path / "in")
    before = sorted(tmp_path.rglob("*"))
    # a machine on which 64 MiB are more than half of the memory, and 32 are not
    monkeypatch.setattr("ibtrain.backend.memory.host_memory", lambda: 100 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as error:
            read_archive(path, ("x", "y"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert MALICIOUS[make] in str(error.value)
    assert peak < MAX_MEMORY
    for arguments in (["estimate", str(path)], ["compare", "--dataset", f"npz:{path}"]):
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 2
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_what_fits_is_read_whatever_its_packing(tmp_path: Path) -> None:
    x = np.asfortranarray(np.arange(18.0).reshape(9, 2))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        path = archive(tmp_path / "a.npz", {"x.npy": stored(x)}, method)
        arrays = read_archive(path, ("x",), ("y", "z"))
        assert sorted(arrays) == ["x", "y"]
        np.testing.assert_array_equal(arrays["x"], x)


def test_a_bit_that_fell_over_is_noticed(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", {"x.npy": stored(np.full(9, 3.0))})
    content = bytearray(path.read_bytes())
    content[content.rindex(np.full(9, 3.0).tobytes()) + 40] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="Bad CRC-32"):
        read_archive(path, ("x",))


def test_a_single_array_is_reported(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(DataError, match="got a single array"):
        read_archive(tmp_path / "a.npy", ("x",))
