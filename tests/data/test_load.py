"""Data sets are loaded, and broken ones are rejected."""

import errno
import math
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ibtrain.data.copies import draw_split
from ibtrain.data.dataset import label_entropy
from ibtrain.data.load import default_data_root, load_dataset
from ibtrain.errors import DataError, IBTrainWarning, UnreadableError
from ibtrain.io.hashing import hash_rows

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4)).astype(np.float32)
Y = np.arange(60) % 3


def npz(folder: Path, **arrays: Any) -> str:
    np.savez(folder / "data.npz", **arrays)
    return f"npz:{folder / 'data.npz'}"


def test_digits_are_embedded_and_standardised_with_their_training_split() -> None:
    data = load_dataset("digits")
    assert (len(data.train), len(data.test), data.num_classes) == (1438, 359, 10)
    assert data.train.x.shape[1:] == (1, 8, 8)
    assert data.train.x.mean().item() == pytest.approx(0, abs=1e-5)
    assert data.train.x.std().item() == pytest.approx(1, abs=1e-3)
    assert data.test.x.std().item() != pytest.approx(1, abs=1e-6)


def test_no_digit_is_in_both_splits() -> None:
    data = load_dataset("digits")
    rows = [set(map(tuple, s.x.flatten(1).tolist())) for s in (data.train, data.test)]
    assert not rows[0] & rows[1]


def test_validation_samples_come_out_of_the_training_split() -> None:
    whole, data = load_dataset("digits"), load_dataset("digits", validation=0.2, seed=1)
    assert data.validation is not None
    assert len(data.train) + len(data.validation) == len(whole.train)
    assert data.train.x.mean().item() == pytest.approx(0, abs=1e-5)
    assert torch.equal(data.test.y, whole.test.y)


def test_vectors_are_standardised_by_coordinate_and_constants_only_centred(tmp_path: Path) -> None:
    x = X * np.array([1, 100, 0.01, 0], dtype=np.float32) + 5
    data = load_dataset(npz(tmp_path, x=x, y=Y))
    torch.testing.assert_close(data.train.x.std(0, correction=0)[:3], torch.ones(3))
    assert (data.train.x[:, 3] == 0).all()


def test_an_npz_may_bring_its_own_test_split(tmp_path: Path) -> None:
    data = load_dataset(npz(tmp_path, x=X, y=Y, x_test=X[:9], y_test=Y[:9]))
    assert (len(data.train), len(data.test)) == (60, 9)


def broken(**changes: Any) -> dict[str, Any]:
    return {"x": X, "y": Y, **changes}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (broken(x=np.where(np.arange(4) == 2, np.nan, X)), "60 NaN or infinite values"),
        (broken(y=Y[:-1]), r"labels of shape \(59,\), expected one label for each of 60"),
        (broken(y=np.arange(60)), "got 48 distinct labels of 48 samples, expected classes"),
        (broken(y=Y + 0.5), "label 0.5, expected whole numbers"),
        (broken(y=np.zeros(60)), "a single class"),
        (broken(x=X[:, :, None, None, None]), r"samples of shape \(60, 4, 1, 1, 1\)"),
        (broken(x=np.array(1e20)), r"samples of shape \(\)"),
        (broken(x_test=np.array(1e20), y_test=Y), r"x_test, y_test: got samples of shape \(\)"),
        (
            broken(x=(9 * X).astype(np.uint8), x_test=X, y_test=Y),
            "test samples of torch.float32, expected torch.uint8",
        ),
        (
            broken(x_test=(9 * X).astype(np.uint8), y_test=Y),
            "test samples of torch.uint8, expected torch.float32",
        ),
        (
            {"x_train": X, "y_train": Y, "y": Y},
            "keys x_train, y_train, y, expected a key 'x'",
        ),
        (
            {"x_train": X, "y_train": Y[:-1]},
            r"data.npz: x, y: got labels of shape \(59,\)",
        ),
        ({"x": X}, "keys x, expected a key 'y'"),
        (broken(x_test=X), "both x_test and y_test"),
        (broken(x_test=X[:, :2], y_test=Y), r"shape \(2,\), expected samples of shape \(4,\)"),
        (
            broken(x_test=X[:3], y_test=np.array([0, 1, 7])),
            "label 7, expected one of the classes 0, 1, 2",
        ),
    ],
)
def test_a_broken_npz_is_refused(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_dataset(npz(tmp_path, **arrays))


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_an_npz_is_never_unpickled(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    objects = np.array([Malicious(trap)] * 60, dtype=object)
    name = npz(tmp_path, x=objects, y=Y)
    (tmp_path / "raw.npz").write_bytes(pickle.dumps(Malicious(trap)))
    for source in (name, f"npz:{tmp_path / 'raw.npz'}"):
        with pytest.raises(DataError, match="plain arrays"):
            load_dataset(source)
    assert not trap.exists()


@pytest.mark.parametrize("name", ["mnits", "npz:", "folder:", ""])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(DataError, match=r"dataset: got .* expected one of digits"):
        load_dataset(name)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        load_dataset(f"npz:{tmp_path / 'nothing.npz'}")
    with pytest.raises(DataError, match="train: got no images"):
        load_dataset(f"folder:{tmp_path}")


def test_a_failed_download_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", fail)
    for root in (tmp_path, tmp_path / "new", tmp_path / "a" / "new" / "one"):
        with pytest.raises(DataError, match=r"MNIST there, and its download failed \(.*\)"):
            load_dataset("mnist", root)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_fills_while_a_download_fails_is_left_and_the_error_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        (tmp_path / "new" / "precious").touch()
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", fail)
    with pytest.raises(DataError, match="its download failed"):
        load_dataset("mnist", tmp_path / "new")
    assert (tmp_path / "new" / "precious").exists()


def test_the_users_home_is_known_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    monkeypatch.setenv("IBTRAIN_DATA", "~/data")
    assert default_data_root() == Path("/somewhere/data")


def test_a_broken_file_is_reported_as_such_while_another_error_is_handled(tmp_path: Path) -> None:
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 and no more")
    try:
        (tmp_path / "nowhere").read_bytes()
    except OSError:
        with pytest.raises(
            DataError, match=r"broken\.npz: got a file that can't be read, expected an"
        ):
            load_dataset(f"npz:{tmp_path / 'broken.npz'}")


def test_an_mnist_that_cannot_be_opened_is_not_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    (tmp_path / "MNIST").mkdir()
    monkeypatch.setattr("torchvision.datasets.MNIST.__init__", fail)
    with pytest.raises(UnreadableError, match="MNIST: got a file that can't be read"):
        load_dataset("mnist", tmp_path)


def test_a_truncated_file_is_reported(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for split in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            (raw / f"{split}-{kind}-ubyte").write_bytes(b"\0\0\x08\x03\0\0")
    with pytest.raises(DataError, match="a missing or broken file"):
        load_dataset("mnist", tmp_path)


def image_folder(root: Path, size: int = 6) -> None:
    for split in ("train", "test"):
        for label in ("cat", "dog"):
            folder = root / split / label
            folder.mkdir(parents=True)
            for index in range(6):
                pixels = RNG.integers(256, size=(size, size, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{index}.png")


def test_a_folder_of_images(tmp_path: Path) -> None:
    image_folder(tmp_path)
    data = load_dataset(f"folder:{tmp_path}")
    assert data.train.x.shape == (12, 3, 6, 6)
    assert data.train.y.tolist() == [0] * 6 + [1] * 6
    torch.testing.assert_close(data.train.x.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)


def test_an_odd_or_broken_image_is_named(tmp_path: Path) -> None:
    image_folder(tmp_path)
    odd = tmp_path / "train" / "dog" / "3.png"
    Image.new("RGB", (5, 6)).save(odd)
    with pytest.raises(DataError, match=r"3.png: got 5 x 6 pixels, expected images of 6 x 6"):
        load_dataset(f"folder:{tmp_path}")
    odd.write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"3.png: got a file that can't be decoded"):
        load_dataset(f"folder:{tmp_path}")


def test_label_entropy() -> None:
    assert label_entropy(torch.tensor([0, 1, 2, 3])) == pytest.approx(math.log(4))
    assert label_entropy(torch.tensor([1, 1, 1])) == 0
    expected = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert label_entropy(torch.tensor([0, 2, 2, 2])) == pytest.approx(expected)


@pytest.mark.slow
def test_real_mnist(data_root: Path) -> None:
    data = load_dataset("mnist", data_root)
    assert (len(data.train), len(data.test)) == (60_000, 10_000)
    # the most common class, digit 1, has 1,135 of the 10,000 test samples
    assert data.majority_accuracy == pytest.approx(0.1135)


def test_a_constant_that_float32_rounds_is_a_constant(tmp_path: Path) -> None:
    x = np.concatenate([X, np.full((60, 1), 0.1)], axis=1)
    x_test = x.copy()
    x_test[:, -1] = 0.101
    data = load_dataset(npz(tmp_path, x=x, y=Y, x_test=x_test, y_test=Y))
    assert data.train.x[:, -1].abs().max() < 1e-6
    assert data.test.x[:, -1].abs().max() < 0.01


def spoilt(value: float) -> np.ndarray:
    """Samples, one of them with a fill value."""
    x = X.astype(np.float64)
    x[7, 2] = value
    return x


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            broken(x=spoilt(-1e300)),
            r"x, y: got a value of -1e\+300 in row 7, column 2 of the samples, expected values whose",
        ),
        (broken(x=spoilt(1e20)), r"got a value of 1e\+20 in row 7, column 2"),
        (
            broken(x_test=spoilt(1e20), y_test=Y),
            r"x_test, y_test: got a value of 1e\+20 in row 7, column 2",
        ),
        (
            broken(x_test=spoilt(1e10), y_test=Y),
            r"got a value in row 7, column 2 of the test split that is 1e\+10, or 1e\+10 standard",
        ),
        (broken(x=np.empty((60, 0))), "at least one value in each"),
        (broken(y=np.where(np.arange(60) == 0, 1e30, Y)), "expected labels that int64 can hold"),
        ({"x": X[:5], "y": np.arange(5) % 2}, "got 1 test samples, expected at least 2"),
        (broken(x_test=X[:1], y_test=Y[:1]), "got 1 samples, expected at least 2"),
    ],
)
def test_odd_but_well_formed_contents_are_refused(
    tmp_path: Path, arrays: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load_dataset(npz(tmp_path, **arrays))


def test_any_byte_order_and_precision_will_do(tmp_path: Path) -> None:
    plain = load_dataset(npz(tmp_path, x=X, y=Y))
    for dtype in (">f4", "f8", "longdouble"):
        data = load_dataset(npz(tmp_path, x=X.astype(dtype), y=Y))
        assert torch.equal(plain.train.x, data.train.x)


def test_a_cifar10_from_elsewhere_is_never_unpickled(tmp_path: Path) -> None:
    """The real data set consists of pickles, whose checksums torchvision verifies first."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"):
        (folder / name).write_bytes(pickle.dumps(Malicious(tmp_path / "trap")))
    with pytest.raises(DataError, match="cifar-10-batches-py: got a missing or broken file"):
        load_dataset("cifar10", tmp_path)
    assert not (tmp_path / "trap").exists()


def test_an_mnist_that_was_saved_by_torch_is_never_unpickled(tmp_path: Path) -> None:
    folder = tmp_path / "MNIST" / "processed"
    folder.mkdir(parents=True)
    for name in ("training.pt", "test.pt"):
        torch.save(Malicious(tmp_path / "trap"), folder / name)
    with pytest.raises(DataError, match="MNIST: got a missing or broken file"):
        load_dataset("mnist", tmp_path)
    assert not (tmp_path / "trap").exists()


def test_an_mnist_with_too_few_labels_is_reported(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for split in ("train", "t10k"):
        (raw / f"{split}-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\3\0\1\0")
        sizes = b"\0\0\0\4" + 2 * b"\0\0\0\1"
        (raw / f"{split}-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03" + sizes + b"abcd")
    with pytest.raises(DataError, match=r"MNIST: train: got labels of shape \(3,\)"):
        load_dataset("mnist", tmp_path)


@pytest.mark.parametrize(
    "x",
    [
        1.7e9 + 1e4 * X.astype(np.float64),
        1.7e9 + X.astype(np.float64),
        (1_700_000_000_000 + np.round(1e4 * X.astype(np.float64))).astype(np.int64),
        (1e6 + 5 * X).astype(np.float32),
        1e19 * np.sign(X),
    ],
    ids=["timestamps", "seconds", "milliseconds", "float32", "large"],
)
def test_what_varies_has_unit_variance_however_far_it_is_from_zero(
    tmp_path: Path, x: np.ndarray
) -> None:
    train = load_dataset(npz(tmp_path, x=x, y=Y, x_test=x, y_test=Y)).train.x
    torch.testing.assert_close(train.std(0, correction=0), torch.ones(4))
    torch.testing.assert_close(train.mean(0), torch.zeros(4), atol=1e-5, rtol=0)


def test_images_as_in_keras_will_do(tmp_path: Path) -> None:
    for channels in (1, 3, 4):
        x = RNG.integers(256, size=(60, channels, 5, 6), dtype=np.uint8)
        expected = load_dataset(npz(tmp_path, x=x, y=Y))
        data = load_dataset(npz(tmp_path, x=x.transpose(0, 2, 3, 1), y=Y[:, None]))
        assert torch.equal(data.train.x, expected.train.x)
        assert torch.equal(data.train.y, expected.train.y)
        if channels == 1:
            grey = load_dataset(npz(tmp_path, x=x[:, 0], y=Y, x_test=x[:, 0], y_test=Y[:, None]))
            assert grey.test.x.shape == (60, 1, 5, 6)


@pytest.mark.filterwarnings("error")
def test_half_precision_is_read_without_a_warning(tmp_path: Path) -> None:
    assert len(load_dataset(npz(tmp_path, x=X.astype(np.float16), y=Y)).train) == 48


@pytest.mark.parametrize("x", [np.full((60, 4), 0.1), np.tile(X[:1], (60, 1))])
def test_training_samples_that_are_all_the_same_are_refused(tmp_path: Path, x: np.ndarray) -> None:
    with pytest.raises(DataError, match="got 60 training samples that are all the same"):
        load_dataset(npz(tmp_path, x=x, y=Y, x_test=X, y_test=Y))


def test_images_that_are_all_the_same_are_refused(tmp_path: Path) -> None:
    image_folder(tmp_path)
    first = tmp_path / "train" / "cat" / "0.png"
    for path in (tmp_path / "train").rglob("*.png"):
        path.write_bytes(first.read_bytes())
    with pytest.raises(DataError, match="got 12 training samples that are all the same"):
        load_dataset(f"folder:{tmp_path}")


def test_a_folder_without_its_prefix_is_recognised(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"did you mean 'folder:{tmp_path}'"):
        load_dataset(str(tmp_path))
    with pytest.raises(DataError, match=r"that ends in one of \.csv, .*\.mat$"):
        load_dataset("")


def test_no_copy_of_a_test_sample_is_trained_on(tmp_path: Path) -> None:
    """Samples that differ only in the sign of a zero are copies too."""
    x = np.concatenate([X, X[:45], X[:20], X[:1]])
    x[59, 1] = 0.0
    x[-1] = np.where(np.arange(4) == 1, -0.0, x[59])
    y = np.arange(len(x)) % 2
    with pytest.warns(
        IBTrainWarning, match=r"data.npz: 52.38% of the samples are copies"
    ) as record:
        data = load_dataset(npz(tmp_path, x=x, y=y))
    assert len(record) == 1
    train, test = (set(map(tuple, s.x.round(decimals=4).tolist())) for s in (data.train, data.test))
    assert not train & test
    assert len(train) + len(test) == 60
    assert len(data.train) + len(data.test) == len(x)
    assert 20 <= len(data.test) <= 25


def test_no_copy_of_a_validation_sample_is_trained_on(tmp_path: Path) -> None:
    x, y = np.repeat(X, 2, axis=0), np.repeat(Y, 2)
    name = npz(tmp_path, x=x, y=y, x_test=X, y_test=Y)
    with pytest.warns(
        IBTrainWarning, match=r"50.00% .* both the training and the validation split"
    ):
        data = load_dataset(name, validation=0.2)
    assert data.validation is not None
    train, held_out = (
        set(map(tuple, s.x.round(decimals=4).tolist())) for s in (data.train, data.validation)
    )
    assert not train & held_out
    assert (len(data.train), len(data.validation)) == (96, 24)


def test_samples_without_copies_are_split_as_ever() -> None:
    order = np.random.default_rng(0).permutation(60)
    for x in (X, X.astype(np.float64), (1000 * X).astype(np.int16)):
        np.testing.assert_array_equal(draw_split(x, order, 12, "test", "x"), order[:12])


def test_rows_of_any_type_are_hashed() -> None:
    for x in (X, X.astype(np.float64), (1000 * X).astype(np.int16), X[:, :, None, None] > X[0, 0]):
        assert len(np.unique(hash_rows(x))) == len(np.unique(x.reshape(60, -1), axis=0))


def test_too_few_distinct_samples_are_reported(tmp_path: Path) -> None:
    x = np.tile(X[:3], (20, 1))
    with pytest.raises(
        DataError,
        match="got 3 distinct samples among 60, expected enough distinct samples for a test",
    ):
        load_dataset(npz(tmp_path, x=x, y=Y))


MEMORY_SCRIPT = """
import re
import sys
from pathlib import Path
from ibtrain.data.load import load_dataset
def peak():
    # getrusage would include the memory of the parent process
    return 1024 * int(re.search("VmHWM:\\s*([0-9]+)", Path("/proc/self/status").read_text())[1])
load_dataset(sys.argv[1])
before = peak()
load_dataset(sys.argv[2])
print(peak() - before)
"""


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="only Linux reports peak memory there"
)
def test_bytes_are_copied_to_floats_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = []
    for count in (50, 20_000):
        path = tmp_path / f"{count}.npz"
        np.savez(
            path, x=rng.integers(256, size=(count, 1500), dtype=np.uint8), y=np.arange(count) % 2
        )
        names.append(f"npz:{path}")
    command = [sys.executable, "-c", MEMORY_SCRIPT, *names]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    # a float has 4 bytes, an original value 1; with a copy in each step the sum was 12
    assert int(result.stdout) < 6 * 20_000 * 1500


def test_names_as_in_keras_will_do(tmp_path: Path) -> None:
    expected = load_dataset(npz(tmp_path, x=X, y=Y, x_test=X[:9], y_test=Y[:9]))
    data = load_dataset(npz(tmp_path, x_train=X, y_train=Y, x_test=X[:9], y_test=Y[:9]))
    for name, split in expected.splits.items():
        assert torch.equal(data.splits[name].x, split.x)
        assert torch.equal(data.splits[name].y, split.y)
    assert len(load_dataset(npz(tmp_path, x_train=X, y_train=Y)).train) == 48
    with pytest.raises(DataError, match="keys x_train, expected a key 'y_train'"):
        load_dataset(npz(tmp_path, x_train=X))


def test_names_are_read_in_pairs(tmp_path: Path) -> None:
    """An x_train is not paired with a y that is also in the file."""
    path = npz(tmp_path, x_train=X, y_train=Y, y=np.zeros(len(Y), dtype=int))
    with pytest.raises(DataError, match="expected a key 'x'"):
        load_dataset(path)


def test_copies_are_what_is_equal_in_training(tmp_path: Path) -> None:
    """Samples that are equal in float32 are not in both splits."""
    x = np.random.default_rng(0).normal(size=(30, 4))
    both = np.concatenate([x, x + 1e-13])
    path = npz(tmp_path, x=both, y=np.tile(np.arange(30) % 3, 2))
    with pytest.warns(IBTrainWarning, match="50.00% of the samples are copies"):
        data = load_dataset(path)
    rows = [{row.tobytes() for row in split.x.numpy()} for split in (data.train, data.test)]
    assert not rows[0] & rows[1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ((torch.zeros(6), torch.zeros(6)), r"torchvision stores them \(images of shape \(6,\)"),
        ((torch.zeros(6, 4), torch.zeros(6)), r"images of shape \(6, 4\)"),
        (("images", "labels"), r"images of shape \(\)"),
        (torch.zeros(3, 2), "a missing or broken file"),
        ({"data": 1}, "a missing or broken file"),
        (3, "a missing or broken file"),
        ((torch.zeros(6, 4, 4), torch.zeros(6, 2)), r"train: got labels of shape \(6, 2\)"),
        ((torch.zeros(6, 0, 4), torch.zeros(6)), "at least one value in each"),
        ((torch.zeros(6, 4, 4, dtype=torch.bfloat16), torch.zeros(6)), "a missing or broken file"),
    ],
)
def test_an_mnist_of_odd_shape_that_was_saved_by_torch_is_reported(
    tmp_path: Path, content: Any, message: str
) -> None:
    folder = tmp_path / "MNIST" / "processed"
    folder.mkdir(parents=True)
    for name in ("training.pt", "test.pt"):
        torch.save(content, folder / name)
    with pytest.raises(DataError, match=message):
        load_dataset("mnist", tmp_path)
