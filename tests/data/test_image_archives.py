"""Archives of images, malicious ones included."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ibtrain.data import image_archives
from ibtrain.data.load import load_dataset
from ibtrain.data.sources import CIFAR10_ARCHIVE, CIFAR10_CLASSES
from ibtrain.errors import DataError, UnreadableError

DATA = Path(__file__).parents[3] / "shared" / "data"


def encoded(index: int, size: tuple[int, int] = (32, 32)) -> bytes:
    pixels = np.random.default_rng(index).integers(0, 256, (*size, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def contents() -> dict[str, bytes]:
    """Two training images and one test image of each class, not in the order of their names."""
    names = [f"train/{label}/{n}.png" for n in (1, 0) for label in reversed(CIFAR10_CLASSES)]
    names += [f"test/{label}/0.png" for label in CIFAR10_CLASSES]
    return {name: encoded(index) for index, name in enumerate(names)}


def archive(root: Path, files: dict[str, bytes], *members: tarfile.TarInfo) -> Path:
    path = root / CIFAR10_ARCHIVE
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in members:
            tar.addfile(member)
    return path


def test_cifar10_is_read_from_its_archive(tmp_path: Path) -> None:
    folder = tarfile.TarInfo("train/cat")
    folder.type = tarfile.DIRTYPE
    files = contents()
    archive(tmp_path, files, folder)
    data = load_dataset("cifar10", tmp_path)
    assert data.scaling is not None
    assert data.classes == tuple(range(10))
    assert data.train.y.tolist() == [label for label in range(10) for _ in range(2)]
    assert data.test.y.tolist() == list(range(10))
    names = [f"train/{label}/{n}.png" for label in CIFAR10_CLASSES for n in (0, 1)]
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(files[name]))) for name in names])
    torch.testing.assert_close(data.train.x, data.scaling(torch.tensor(pixels).permute(0, 3, 1, 2)))
    # nothing is extracted
    assert list(tmp_path.iterdir()) == [tmp_path / CIFAR10_ARCHIVE]


def test_torchvisions_folder_comes_first(tmp_path: Path) -> None:
    archive(tmp_path, contents())
    (tmp_path / "cifar-10-batches-py").mkdir()
    with pytest.raises(DataError, match="cifar-10-batches-py: got a missing or broken file"):
        load_dataset("cifar10", tmp_path)


def link(kind: bytes) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        member = tarfile.TarInfo("train/cat/2.png")
        member.type, member.linkname = kind, "/etc/passwd"
        archive(root, contents(), member)

    return make


def named(name: str) -> Callable[[Path], None]:
    return lambda root: archive(root, {**contents(), name: encoded(0)}) and None


def without_a_class(root: Path) -> None:
    archive(root, {name: image for name, image in contents().items() if "test/ship" not in name})


def of_another_size(root: Path) -> None:
    archive(root, {**contents(), "train/cat/0.png": encoded(0, (8, 8))})


def no_image(root: Path) -> None:
    archive(root, {**contents(), "test/dog/0.png": b"%!PS-Adobe-3.0 EPSF-3.0"})


def truncated(root: Path) -> None:
    path = archive(root, contents())
    path.write_bytes(path.read_bytes()[:-5000])


def no_archive(root: Path) -> None:
    (root / CIFAR10_ARCHIVE).write_bytes(b"PK\x03\x04 no archive at all")


def bomb(root: Path) -> None:
    (root / CIFAR10_ARCHIVE).write_bytes(gzip.compress(bytes(1 << 21)))


def declared_bomb(root: Path) -> None:
    """A header that declares an extended header of 8 GB."""
    member = tarfile.TarInfo("pax")
    member.type, member.size = tarfile.XHDTYPE, 1 << 33
    (root / CIFAR10_ARCHIVE).write_bytes(gzip.compress(member.tobuf() + bytes(1 << 10)))


def folder(root: Path) -> None:
    (root / CIFAR10_ARCHIVE).mkdir()


NOTHING_ELSE = r"expected images train/CLASS/\* and test/CLASS/\*, and nothing else"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (link(tarfile.SYMTYPE), f"got 'train/cat/2.png', {NOTHING_ELSE}"),
        (link(tarfile.LNKTYPE), f"got 'train/cat/2.png', {NOTHING_ELSE}"),
        (named("../../train/cat/9.png"), NOTHING_ELSE),
        (named("/train/cat/9.png"), NOTHING_ELSE),
        (named("other/cat/9.png"), NOTHING_ELSE),
        (named("train/cat/readme.txt"), NOTHING_ELSE),
        (without_a_class, "test: got images of airplane, .*, expected images of .*ship"),
        (of_another_size, "train/cat/0.png: got 8 x 8 pixels, expected images of 32 x 32 pixels"),
        (no_image, "test/dog/0.png: got a file that can't be decoded"),
        (truncated, "got a file that can't be read, expected a tar.gz archive of images"),
        (no_archive, "got a file that can't be read, expected a tar.gz archive of images"),
        (bomb, "got a longer archive, expected at most 1048576 bytes after decompression"),
        (declared_bomb, "got a file that can't be read, expected a tar.gz archive of images"),
        (folder, "got something that is not a regular file, expected an archive"),
    ],
)
def test_other_archives_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], message: str
) -> None:
    monkeypatch.setattr(image_archives, "MAX_TAR_BYTES", 1 << 20)
    make(tmp_path)
    with pytest.raises((DataError, UnreadableError), match=message) as caught:
        load_dataset("cifar10", tmp_path)
    assert len(str(caught.value).splitlines()) == 1
    assert str(tmp_path / CIFAR10_ARCHIVE) in str(caught.value)


@pytest.mark.slow
def test_the_whole_of_cifar10() -> None:
    if not (DATA / CIFAR10_ARCHIVE).exists():
        pytest.skip(f"no {CIFAR10_ARCHIVE} in {DATA}")
    data = load_dataset("cifar10", DATA)
    assert data.train.y.bincount().tolist() == [5000] * 10
    assert data.test.y.bincount().tolist() == [1000] * 10
    assert data.scaling is not None
    # the means of the original images' channels are 0.4914, 0.4822 and 0.4465
    means = data.scaling(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))[0, :, 0, 0]
    assert data.train.x.shape == (50000, 3, 32, 32)
    assert means.tolist() == pytest.approx([-1.99, -1.98, -1.71], abs=0.05)
