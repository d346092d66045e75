"""Columns are chosen by name or position, and a choice that fits nothing says what there is."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ibtrain.data.columns import read_columns, read_frame
from ibtrain.errors import DataError

FEATURES = np.arange(40.0).reshape(10, 4)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    names = ["a", "b", "c, d", "0"]
    pd.DataFrame(FEATURES, columns=names).to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    words = np.array(["u", "v"] * 5)
    arrays = {"x_train": FEATURES, "y_train": FEATURES[:, 0], "flat": FEATURES[:, 3]}
    np.savez(tmp_path / "t.npz", **arrays, words=words, short=np.ones(3))
    return tmp_path / "t.npz"


@pytest.mark.parametrize(
    ("choice", "columns"),
    [
        ("a", [0]),
        ("b,a", [1, 0]),
        ("b, a", [1, 0]),
        ("c, d", [2]),
        ("0", [3]),
        ("0:3", [0, 1, 2]),
        ("2:", [2, 3]),
        ("-2:", [2, 3]),
        ("b,2:4", [1, 2, 3]),
    ],
)
def test_columns_of_a_table(table: Path, choice: str, columns: list[int]) -> None:
    (frame,) = read_columns(table, [choice])
    np.testing.assert_array_equal(frame.to_numpy(), FEATURES[:, columns])


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("x", FEATURES),
        ("x[:, 1:3]", FEATURES[:, 1:3]),
        ("x[:,-1]", FEATURES[:, -1:]),
        ("flat,x[:, 0:2]", FEATURES[:, [3, 0, 1]]),
        ("x[:,0],x[:, 3]", FEATURES[:, [0, 3]]),
        ("y", FEATURES[:, 0]),
    ],
)
def test_columns_of_an_archive(archive: Path, choice: str, expected: np.ndarray) -> None:
    (array,) = read_columns(archive, [choice])
    np.testing.assert_array_equal(array, expected)


def test_a_whole_array_stays_a_map(archive: Path) -> None:
    (array,) = read_columns(archive, ["x"])
    assert isinstance(array, np.memmap)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("height", r"t.csv: got columns a, b, c, d, 0, expected a column 'height' \(choose others"),
        ("a,height", "expected a column 'height'"),
        ("4:9", "t.csv: got columns 4:9, expected some of its 4 columns"),
        ("a,0:2", "column 'a' twice in 'a,0:2', expected each column once"),
        ("", "expected a column ''"),
    ],
)
def test_a_choice_that_fits_no_column_of_a_table(table: Path, choice: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_columns(table, [choice])


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("height", "got keys x_train, y_train, flat, words, short, expected a key 'height'"),
        ("x[:, 7:9]", r"t.npz: x: got columns 7:9, expected some of its 4 columns"),
        (
            "x[0:2]",
            r"got 'x\[0:2\]', expected the name of an array, or some of its columns, such as",
        ),
        ("x[:, 9]", "got columns 9, expected some of its 4 columns"),
        ("x[:, a]", "got columns 'a', expected a range such as 0:3, or a position"),
        ("flat[:, 0]", r"columns 0 of an array of shape \(10,\), expected an array of rows and"),
        ("flat,short", r"got arrays of \[10, 3\] rows, expected as many rows in each"),
        ("flat,words", "numbers and strings side by side"),
    ],
)
def test_a_choice_that_fits_nothing_in_an_archive(archive: Path, choice: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_columns(archive, [choice])


def test_a_frame_has_all_columns_or_those_chosen(table: Path, archive: Path) -> None:
    assert list(read_frame(table)) == ["a", "b", "c, d", "0"]
    assert list(read_frame(table, ["b", "0:1"])) == ["b", "a"]
    assert read_frame(archive).to_numpy().tolist() == FEATURES.tolist()
    assert list(read_frame(archive, ["x[:, 2:4]"])) == ["0", "1"]
    with pytest.raises(DataError, match="expected an array of rows and columns"):
        read_frame(archive, ["flat"])


def test_other_files_are_refused_by_their_endings() -> None:
    with pytest.raises(
        DataError, match=r"got '.xlsx', expected a file that ends in .npz, .csv, .t"
    ):
        read_columns(Path("data.xlsx"), ["x"])
