"""CSV and Parquet files are read whole, or refused in one line."""

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ibtrain.data.tables import read_table
from ibtrain.errors import DataError, IBTrainWarning, UnreadableError


def csv_file(folder: Path, content: str | bytes, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b\n1,x\n2,y\n", {"a": [1, 2], "b": ["x", "y"]}),
        ("a;b\n1.5;x\n2;y\n", {"a": [1.5, 2.0], "b": ["x", "y"]}),
        ("a\tb\n1\tx, z\n2\ty\n", {"a": [1, 2], "b": ["x, z", "y"]}),
        # as a spreadsheet writes it where the comma is the decimal sign, with a byte order mark
        ("\ufeffa;b\r\n1,5;2\r\n-3,25;4\r\n", {"a": [1.5, -3.25], "b": [2, 4]}),
        ('"a, first", b\n1, 2\n', {"a, first": [1], "b": [2]}),
        ("a\n1\n2\n", {"a": [1, 2]}),
        ("kind,colour\nbig,red\nsmall,blue\n", {"kind": ["big", "small"], "colour": ["red", "blue"]}),
        # years are names beside a name, and so are a data frame's numbers of columns
        ("id,2019,2020\n1,2,3\n", {"id": [1], "2019": [2], "2020": [3]}),
        ("0,1\n0.5,0.25\n", {"0": [0.5], "1": [0.25]}),
        # an index has no name, and is no column
        (",a,b\n0,1,2\n1,3,4\n", {"a": [1, 3], "b": [2, 4]}),
        (",0,1\nr1,1,2\n", {"0": [1], "1": [2]}),
    ],
)  # fmt: skip
def test_csv_files_are_read(tmp_path: Path, content: str, expected: dict[str, list[Any]]) -> None:
    table = read_table(csv_file(tmp_path, content))
    assert table.to_dict("list") == expected


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("0.1,0.2\n0.3,0.4\n", [[0.1, 0.2], [0.3, 0.4]]),
        ("5.1,3.5,setosa\n4.9,3.0,virginica\n", [[5.1, 3.5, "setosa"], [4.9, 3.0, "virginica"]]),
        ("1,5;2,5\n3,5;4,5\n", [[1.5, 2.5], [3.5, 4.5]]),
        ("7\n8\n", [[7], [8]]),
    ],
)
def test_without_a_header_no_row_is_lost_and_a_warning_says_so(
    tmp_path: Path, content: str, rows: list[list[Any]]
) -> None:
    path = csv_file(tmp_path, content)
    with pytest.warns(IBTrainWarning, match="holds values and is read as a sample; columns are"):
        table = read_table(path)
    assert table.to_numpy().tolist() == rows
    assert list(table.columns) == [str(index) for index in range(len(rows[0]))]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "got an empty file, expected a CSV file"),
        ("\n\n", "it holds no row"),
        ("a,b\n", "got a table of 0 rows and 2 columns, expected a row for each sample"),
        ("a,b\n1,2\n1,2,3\n", "Expected 2 fields in line 3, saw 3"),
        ("a,b\n1,2,3\n4,5,6\n", "got a row with more values, expected 2 values"),
        ("a,b,a\n1,2,3\n", "got two columns named 'a', expected distinct names"),
        ('a,b\n"1,2\n3,4\n', "EOF inside string"),
        ("größe,b\n1,2\n".encode("latin-1"), "expected a CSV file in UTF-8"),
    ],
)
def test_broken_csv_files_are_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_table(csv_file(tmp_path, content))
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "data.csv") in str(caught.value)


def test_the_layout_is_that_of_the_first_lines_however_long_the_file(tmp_path: Path) -> None:
    rows = "".join(f"{index},{index / 4}\n" for index in range(20_000))
    table = read_table(csv_file(tmp_path, "index,value\n" + rows, "long.csv"))
    assert table.shape == (20_000, 2)
    assert table["value"].tolist() == [index / 4 for index in range(20_000)]


def test_parquet_files_are_read(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=[5, 6])
    frame.to_parquet(tmp_path / "data.PARQUET")
    table = read_table(tmp_path / "data.PARQUET")
    pd.testing.assert_frame_equal(table, frame)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match="expected a Parquet file with a row for each sample"):
        read_table(tmp_path / "bad.parquet")


def test_parquet_needs_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"needs pyarrow, .*pip install 'ibtrain\[parquet\]'"):
        read_table(tmp_path / "data.parquet")


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="got no such file, expected a CSV file"):
        read_table(tmp_path / "nothing.csv")
    with pytest.raises(DataError, match=r"got '.xlsx', expected a file that ends in .csv, .tsv or"):
        read_table(tmp_path / "data.xlsx")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="something that is not a regular file"):
        read_table(tmp_path / "folder.csv")
