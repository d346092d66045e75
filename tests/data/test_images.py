"""Folders of images that were made to do harm."""

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from torchvision.datasets import ImageFolder

from ibtrain.cli.main import cli
from ibtrain.data.images import list_images, read_images
from ibtrain.data.load import load_dataset
from ibtrain.errors import DataError


def image_folder(root: Path) -> Path:
    for part in ("train", "test"):
        for label, shade in (("cat", 0), ("dog", 90)):
            folder = root / part / label
            folder.mkdir(parents=True)
            for index in range(3):
                Image.new("RGB", (6, 6), (40 * index, shade, 9)).save(folder / f"{index}.png")
    return root / "train" / "cat"


def resized(path: Path, size: tuple[int, int]) -> None:
    """A PNG whose header says another size."""
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", *size)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)


def huge(folder: Path) -> None:
    resized(folder / "0.png", (100_000, 100_000))


def large(folder: Path) -> None:
    resized(folder / "0.png", (10_000, 9_000))


def large_in_number(folder: Path) -> None:
    resized(folder / "0.png", (4000, 4000))


def huge_among_others(folder: Path) -> None:
    resized(folder / "1.png", (10_000, 9_000))


def postscript(folder: Path) -> None:
    # Pillow would hand it to Ghostscript, a program with a language of its own
    text = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 6 6\n%%EndComments\n(x) print\n%%EOF\n"
    (folder / "0.png").write_bytes(text)


def circle(folder: Path) -> None:
    (folder / "again").symlink_to(folder)


def two_circles(folder: Path) -> None:
    # each leads into the other; followed blindly that is 2^40 folders
    for here, there in (("a", "b"), ("b", "a")):
        (folder / here).mkdir()
        for name in ("l", "m"):
            (folder / here / name).symlink_to(folder / there)


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "0pipe.png")


def device(folder: Path) -> None:
    (folder / "0zero.png").symlink_to("/dev/zero")


def dangling(folder: Path) -> None:
    (folder / "0.jpg").symlink_to("nowhere")


def file_for_a_folder(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_text("")


MALICIOUS = {
    huge: "0.png: got a file that can't be decoded, expected an image (Image size (10000000000 pixels)",
    large: "0.png: got 10000 x 9000 pixels, expected at most 67108864 in an image",
    large_in_number: "train: got 6 images of 288000000 bytes, expected at most",
    huge_among_others: "1.png: got 10000 x 9000 pixels, expected images of 6 x 6 pixels",
    postscript: "0.png: got a file that can't be decoded, expected an image (cannot identify",
    circle: "cat/again: got a folder that links reach twice",
    two_circles: "got a folder that links reach twice",
    pipe: "0pipe.png: got no regular file, expected an image",
    device: "0zero.png: got no regular file, expected an image",
    dangling: "0.jpg: got a file that can't be decoded, expected an image ([Errno 2]",
    file_for_a_folder: "cat in one of them only",
}


@pytest.mark.parametrize("harm", MALICIOUS, ids=lambda harm: harm.__name__)
def test_it_is_refused_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: Callable[[Path], None]
) -> None:
    harm(image_folder(tmp_path))
    monkeypatch.setattr("ibtrain.memory.host_memory", lambda: 512 << 20)
    result = CliRunner().invoke(cli, ["compare", "--dataset", f"folder:{tmp_path}"])
    assert result.exit_code == 2
    assert MALICIOUS[harm] in result.stderr
    assert result.stderr.count("\n") == 1


def test_links_are_followed_and_nothing_is_written_through_them(tmp_path: Path) -> None:
    """Folders of links are how subsets of large data sets are made."""
    image_folder(tmp_path / "all")
    for part in ("train", "test"):
        (tmp_path / "some" / part / "cat").mkdir(parents=True)
        for name in ("0.png", "1.png"):
            there = tmp_path / "all" / part / "cat" / name
            (tmp_path / "some" / part / "cat" / name).symlink_to(there)
        (tmp_path / "some" / part / "dog").symlink_to(tmp_path / "all" / part / "dog")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    data = load_dataset(f"folder:{tmp_path / 'some'}")
    assert data.train.y.tolist() == [0, 0, 1, 1, 1]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_images_come_as_torchvision_lists_and_decodes_them(tmp_path: Path) -> None:
    folder = image_folder(tmp_path)
    for name, mode in (("b/1.JPG", "L"), ("a/z.webp", "RGB"), ("a.txt", ""), ("c/p.png", "P")):
        (folder / name).parent.mkdir(exist_ok=True)
        if mode:
            Image.new(mode, (6, 6), 7).save(folder / name)
        else:
            (folder / name).write_text("not an image")
    theirs = ImageFolder(str(tmp_path / "train"))
    ours = list_images(tmp_path / "train")
    files = [file for files in ours.values() for file in files]
    assert list(map(str, files)) == [path for path, _ in theirs.samples]
    expected = np.stack([np.asarray(theirs.loader(path)) for path, _ in theirs.samples])
    np.testing.assert_array_equal(read_images(files), expected)


def test_no_decoder_is_fooled_into_another_size(tmp_path: Path) -> None:
    image_folder(tmp_path)
    files = list_images(tmp_path / "train")["cat"]
    with pytest.raises(DataError, match="got 6 x 6 pixels, expected images of 5 x 6 pixels"):
        read_images(files, (6, 5))
