"""Data sets in CSV and Parquet files."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ibtrain.data.dataset import Dataset
from ibtrain.data.load import load_dataset
from ibtrain.errors import DataError

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(RNG.normal(size=(60, 3)), columns=["a", "b", "c"]).assign(
    label=np.array(["cat", "dog"])[np.arange(60) % 2]
)
EXPECTED = Dataset.from_frame(FRAME, "label")


def csv(folder: Path, frame: pd.DataFrame = FRAME, name: str = "data.csv") -> str:
    path = folder / name
    frame.to_csv(path, index=False)
    return str(path)


@pytest.mark.parametrize("prefix", ["csv:", ""])
def test_a_csv_is_read(tmp_path: Path, prefix: str) -> None:
    data = load_dataset(prefix + csv(tmp_path))
    assert data.classes == ("cat", "dog")
    np.testing.assert_allclose(data.train.x.numpy(), EXPECTED.train.x.numpy(), atol=1e-6)
    assert data.train.y.tolist() == EXPECTED.train.y.tolist()
    assert data.scaling is not None
    assert data.scaling.columns == ("a", "b", "c")


@pytest.mark.parametrize("prefix", ["parquet:", ""])
def test_a_parquet_file_is_read(tmp_path: Path, prefix: str) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "data.parquet"
    FRAME.to_parquet(path)
    assert load_dataset(f"{prefix}{path}").fingerprint() == EXPECTED.fingerprint()


def test_an_npz_needs_no_prefix(tmp_path: Path) -> None:
    x, y = FRAME[["a", "b", "c"]].to_numpy(), FRAME.label.to_numpy().astype(str)
    np.savez(tmp_path / "data.npz", x=x, y=y)
    data = load_dataset(str(tmp_path / "data.npz"))
    assert data.classes == ("cat", "dog")
    assert data.fingerprint() == EXPECTED.fingerprint()


def test_the_target_is_a_column(tmp_path: Path) -> None:
    frame = FRAME.rename(columns={"label": "species"})
    path = csv(tmp_path, frame)
    with pytest.raises(
        DataError, match="columns a, b, c, species, expected one column called y, t"
    ):
        load_dataset(path)
    assert load_dataset(path, target="species").classes == ("cat", "dog")
    with pytest.raises(DataError, match="target: got 'kind', expected one of the columns a, b, c"):
        load_dataset(path, target="kind")
    with pytest.raises(DataError, match=r"--target COLUMN"):
        load_dataset(csv(tmp_path, FRAME.assign(y=1)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"d": FRAME.label}, "strings in column 'd', expected numbers: one-hot encode it"),
        ({"b": FRAME.b.where(FRAME.a > 0)}, r"\d+ missing values in column 'b', expected numbers"),
        ({"label": FRAME.a}, "expected whole numbers or strings, the classes"),
        (
            {"label": FRAME.label.where(FRAME.index > 2)},
            "3 missing values in column 'label', the labels",
        ),
    ],
)
def test_a_table_that_can_not_be_used_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load_dataset(csv(tmp_path, FRAME.assign(**changes)))


def test_a_target_belongs_to_a_table(tmp_path: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"target: got label with digits, expected a \.csv, \.tsv or \.parquet file with",
    ):
        load_dataset("digits", target="label")
