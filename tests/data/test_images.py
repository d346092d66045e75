"""Folders of images, malicious ones included."""

import errno
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torchvision.datasets import ImageFolder

from ibtrain.cli.main import cli
from ibtrain.data.images import list_images, read_images
from ibtrain.data.load import load_dataset
from ibtrain.errors import ConfigError, DataError, UnreadableError


def image_folder(root: Path) -> Path:
    for split in ("train", "test"):
        for label, shade in (("cat", 0), ("dog", 90)):
            folder = root / split / label
            folder.mkdir(parents=True)
            for index in range(3):
                Image.new("RGB", (6, 6), (40 * index, shade, 9)).save(folder / f"{index}.png")
    return root / "train" / "cat"


def resized(path: Path, size: tuple[int, int]) -> None:
    """Changes the size in the header of a PNG."""
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


def huge_among_small(folder: Path) -> None:
    resized(folder / "1.png", (10_000, 9_000))


def postscript(folder: Path) -> None:
    # Pillow would pass it to Ghostscript, which executes PostScript programs
    text = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 6 6\n%%EndComments\n(x) print\n%%EOF\n"
    (folder / "0.png").write_bytes(text)


def circle(folder: Path) -> None:
    (folder / "again").symlink_to(folder)


def two_circles(folder: Path) -> None:
    # each folder links to the other; following all links would give 2^40 folders
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
    large_in_number: "0.png: got a file that can't be decoded, expected an image (image file is truncated",
    huge_among_small: "1.png: got 10000 x 9000 pixels, expected images of 6 x 6 pixels",
    postscript: "0.png: got a file that can't be decoded, expected an image (cannot identify",
    circle: "cat/again: got a folder that is reached twice through links",
    two_circles: "got a folder that is reached twice through links",
    pipe: "0pipe.png: got something that is not a regular file, expected an image",
    device: "0zero.png: got something that is not a regular file, expected an image",
    dangling: "0.jpg: got a file that can't be read (No such file",
    file_for_a_folder: "cat in only one of them",
}


@pytest.mark.parametrize("harm", MALICIOUS, ids=lambda harm: harm.__name__)
def test_it_is_refused_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: Callable[[Path], None]
) -> None:
    harm(image_folder(tmp_path))
    monkeypatch.setattr("ibtrain.backend.memory.host_memory", lambda: 512 << 20)
    result = CliRunner().invoke(cli, ["compare", "--dataset", f"folder:{tmp_path}"])
    assert result.exit_code == 2
    assert MALICIOUS[harm] in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
        (MemoryError(), "out of memory"),
    ],
)
def test_a_failure_of_the_machine_is_no_broken_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(
        UnreadableError, match=rf"got a file that can't be read \({message}"
    ) as caught:
        read_images([saved(tmp_path / "a.png", np.zeros((2, 2), dtype=np.uint8))])
    assert caught.value.exit_code == 1


def test_links_are_followed_and_nothing_is_written_through_them(tmp_path: Path) -> None:
    """Subsets of large data sets are often folders of links."""
    image_folder(tmp_path / "all")
    for split in ("train", "test"):
        (tmp_path / "some" / split / "cat").mkdir(parents=True)
        for name in ("0.png", "1.png"):
            target = tmp_path / "all" / split / "cat" / name
            (tmp_path / "some" / split / "cat" / name).symlink_to(target)
        (tmp_path / "some" / split / "dog").symlink_to(tmp_path / "all" / split / "dog")
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
    reference = ImageFolder(str(tmp_path / "train"))
    classes = list_images(tmp_path / "train")
    files = [file for files in classes.values() for file in files]
    assert list(map(str, files)) == [path for path, _ in reference.samples]
    expected = np.stack([np.asarray(reference.loader(path)) for path, _ in reference.samples])
    np.testing.assert_array_equal(read_images(files), expected)


def test_no_decoder_is_fooled_into_another_size(tmp_path: Path) -> None:
    image_folder(tmp_path)
    files = list_images(tmp_path / "train")["cat"]
    with pytest.raises(DataError, match="got 6 x 6 pixels, expected images of 5 x 6 pixels"):
        read_images(files, (6, 5))


GREY16 = np.array([[0, 257, 1000], [40_000, 65_534, 65_535]], dtype=np.uint16)


def saved(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def read_one(path: Path, **options: int) -> np.ndarray:
    return read_images([path], **options)[0]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_grey_images_keep_their_values(tmp_path: Path, suffix: str) -> None:
    pixels = read_one(saved(tmp_path / f"grey{suffix}", GREY16))
    np.testing.assert_array_equal(pixels, np.repeat(GREY16[:, :, None], 3, axis=2))


def test_a_16_bit_pgm_keeps_its_values(tmp_path: Path) -> None:
    path = tmp_path / "grey.pgm"
    path.write_bytes(b"P5 3 2 65535\n" + GREY16.astype(">u2").tobytes())
    np.testing.assert_array_equal(read_one(path)[:, :, 0], GREY16)


def test_8_bit_images_among_16_bit_ones_keep_their_brightness(tmp_path: Path) -> None:
    grey8 = np.array([[0, 1, 2], [200, 254, 255]], dtype=np.uint8)
    files = [saved(tmp_path / "a.png", grey8), saved(tmp_path / "b.png", GREY16)]
    for images, low, high in ((read_images(files), 0, 1), (read_images(files[::-1]), 1, 0)):
        assert images.dtype == np.uint16
        np.testing.assert_array_equal(images[low, :, :, 0], grey8.astype(int) * 257)
        np.testing.assert_array_equal(images[high, :, :, 0], GREY16)


def test_splits_of_8_and_16_bits_are_on_one_scale(tmp_path: Path) -> None:
    image_folder(tmp_path)
    before = load_dataset(f"folder:{tmp_path}")
    saved(tmp_path / "test" / "cat" / "0.png", np.full((6, 6), 257 * 80, dtype=np.uint16))
    after = load_dataset(f"folder:{tmp_path}")
    torch.testing.assert_close(after.train.x, before.train.x)
    torch.testing.assert_close(after.test.x[1:], before.test.x[1:])


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_pixels_of_an_unknown_range_are_refused(tmp_path: Path, dtype: type) -> None:
    path = saved(tmp_path / "x.tif", np.arange(6).reshape(2, 3).astype(dtype))
    message = r"x.tif: got pixels of Pillow's mode [FI], whose range is unknown, expected 8 bits"
    with pytest.raises(DataError, match=message):
        read_one(path)


def test_transparent_pixels_are_white(tmp_path: Path) -> None:
    pixels = np.zeros((1, 3, 4), dtype=np.uint8)
    pixels[0, :, 3] = 0, 51, 255
    assert read_one(saved(tmp_path / "rgba.png", pixels))[0, :, 0].tolist() == [255, 204, 0]
    grey = saved(tmp_path / "grey.png", pixels[:, :, 2:])
    assert read_one(grey)[0, :, 0].tolist() == [255, 204, 0]
    Image.new("RGB", (2, 2), (1, 2, 3)).save(tmp_path / "key.png", transparency=(1, 2, 3))
    assert (read_one(tmp_path / "key.png") == 255).all()


def test_opaque_images_with_an_alpha_channel_stay_as_they_are(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(256, size=(4, 5, 4), dtype=np.uint8)
    pixels[:, :, 3] = 255
    np.testing.assert_array_equal(read_one(saved(tmp_path / "x.png", pixels)), pixels[:, :, :3])


def test_a_transparent_16_bit_image_is_refused(tmp_path: Path) -> None:
    Image.fromarray(GREY16).save(tmp_path / "x.png", transparency=3)
    with pytest.raises(DataError, match=r"x.png: got a 16-bit image with transparency"):
        read_one(tmp_path / "x.png")


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    image_folder(tmp_path)
    before = list_images(tmp_path / "train")
    for hidden in (".ipynb_checkpoints", "cat/.ipynb_checkpoints", ".git"):
        (tmp_path / "train" / hidden).mkdir()
        Image.new("RGB", (9, 9)).save(tmp_path / "train" / hidden / "0.png")
    (tmp_path / "train" / "cat" / "._0.png").write_bytes(b"what macOS leaves behind")
    assert list_images(tmp_path / "train") == before


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_images_of_any_size_can_be_resized(tmp_path: Path, dtype: type) -> None:
    for index, size in enumerate(((8, 8), (4, 6), (5, 3))):
        saved(tmp_path / f"{index}.png", np.full(size, 7 * (index + 1), dtype=dtype))
    files = sorted(tmp_path.iterdir())
    images = read_images(files, resize=4)
    assert images.shape == (3, 4, 4, 3)
    assert images.dtype == dtype
    assert images.reshape(3, -1).std(axis=1).tolist() == [0, 0, 0]
    assert images[:, 0, 0, 0].tolist() == [7, 14, 21]
    with pytest.raises(DataError, match=r"1.png: got 6 x 4 pixels, expected .*, or --resize"):
        read_images(files)


def test_resize_reaches_the_run(tmp_path: Path) -> None:
    image_folder(tmp_path / "images")
    Image.new("RGB", (9, 7), (7, 7, 7)).save(tmp_path / "images" / "train" / "cat" / "9.png")
    dataset = f"folder:{tmp_path / 'images'}"
    arguments = ["train", "end-to-end", "--dataset", dataset, "--resize", "4", "--hidden", "3"]
    arguments += ["--epochs", "1", "--seeds", "0", "--plane-points", "0", "--device", "cpu"]
    result = CliRunner().invoke(cli, [*arguments, "--run-dir", str(tmp_path / "run")])
    assert result.exit_code == 0, result.stderr
    assert "of 48 values" in result.stderr


def test_only_images_can_be_resized() -> None:
    with pytest.raises(DataError, match="resize: got 4 with digits, expected images in folder:DIR"):
        load_dataset("digits", resize=4)


@pytest.mark.parametrize("resize", [0, -3, 10**6])
def test_a_size_that_no_image_has_is_refused(tmp_path: Path, resize: int) -> None:
    image_folder(tmp_path)
    with pytest.raises(ConfigError, match=f"resize: got {resize}, expected a whole number"):
        load_dataset(f"folder:{tmp_path}", resize=resize)
