"""Samples where they lie: checked a chunk at a time, and brought into memory row by row."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ibtrain.errors import DataError
from ibtrain.mi.columns import check_columns, distinct
from ibtrain.mi.registry import estimate
from ibtrain.mi.samples import check_samples, check_stored

FAST = {"steps": 40, "batch_size": 64, "hidden": (16, 16)}
RNG = np.random.default_rng(0)
X = RNG.standard_normal((300, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibtrain.mi.columns.CHUNK", 21)


def mapped(folder: Path, name: str, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    np.save(folder / name, array)
    found: np.ndarray[Any, Any] = np.load(folder / f"{name}.npy", mmap_mode="r")
    return found


@pytest.mark.parametrize(
    "y",
    [X + 1, (X[:, 0] > 0), np.where(X[:, 0] > 0, 7, -3), X.astype(np.float64)[:, 0]],
    ids=["columns", "truth", "labels", "vector"],
)
def test_a_memory_map_is_estimated_as_its_array_is(tmp_path: Path, y: Any) -> None:
    noisy = X + RNG.standard_normal(X.shape).astype(np.float32)
    files = mapped(tmp_path, "x", noisy), mapped(tmp_path, "y", y)
    for method, options in (("mine", FAST), ("ksg", {}), ("binning", {})):
        found, expected = (
            estimate(*arrays, method, **options).to_dict() | {"seconds": 0.0}
            for arrays in (files, (noisy, y))
        )
        for one in (found, expected):
            one.get("beside", {}).pop("seconds", None)
        assert found == expected


def test_what_is_stored_is_not_copied(tmp_path: Path) -> None:
    x = mapped(tmp_path, "x", X)
    stored = check_stored(x, X)
    assert np.shares_memory(stored.x, x)
    assert np.shares_memory(stored.y, X)
    few = stored.take(np.array([250, 3]))
    assert few.x.dtype == np.float64
    assert few.x.tolist() == X[[250, 3]].tolist()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_bad_number_is_named_by_its_row_in_the_file(tmp_path: Path, value: float) -> None:
    bad = X.copy()
    bad[271, 2] = value
    with pytest.raises(DataError, match=f"y: got {value} in row 271, column 2, expected finite"):
        check_stored(X, mapped(tmp_path, "y", bad))


def test_a_column_is_constant_only_if_it_is_so_in_all_chunks() -> None:
    late = np.ones((300, 2))
    late[299] = 2
    assert check_columns("x", late)
    assert not check_columns("x", np.ones((300, 2)))
    with pytest.raises(DataError, match="nothing but 1 in column 1"):
        check_columns("x", np.column_stack([late[:, 0], np.ones(300)]))


def test_distinct_values_are_counted_over_all_chunks() -> None:
    column = RNG.integers(-4, 9, (300, 1))
    found = distinct(column)
    assert found is not None
    values, counts = np.unique(column, return_counts=True)
    assert found[0].tolist() == values.tolist()
    assert found[1].tolist() == counts.tolist()
    assert distinct(column, most=12) is None


def test_labels_are_numbered_alike_in_every_part() -> None:
    y = np.repeat([5, -2, 9], 100)
    stored = check_stored(X, y)
    samples = check_samples(X, y)
    assert stored.num_classes == samples.num_classes == 3
    assert samples.labels is not None
    assert samples.labels.tolist() == [1] * 100 + [0] * 100 + [2] * 100
    late = stored.take(np.arange(200, 300))
    assert late.labels is not None
    assert set(late.labels.tolist()) == {2}
    assert late.num_classes == 3
    assert stored.label_entropy == samples.label_entropy == pytest.approx(np.log(3))
