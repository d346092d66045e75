"""Samples that stay on disk: checked one chunk at a time, and read into memory by rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ibtrain.errors import DataError
from ibtrain.mi.columns import distinct, examine_columns
from ibtrain.mi.registry import estimate
from ibtrain.mi.samples import check_samples, check_side, check_stored

FAST = {"steps": 40, "batch_size": 64, "hidden": (16, 16)}
RNG = np.random.default_rng(0)
X = RNG.standard_normal((300, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibtrain.mi.columns.CHUNK", 21)


def mapped(folder: Path, name: str, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    np.save(folder / name, array)
    array_on_disk: np.ndarray[Any, Any] = np.load(folder / f"{name}.npy", mmap_mode="r")
    return array_on_disk


@pytest.mark.parametrize(
    "y",
    [X + 1, (X[:, 0] > 0), np.where(X[:, 0] > 0, 7, -3), X.astype(np.float64)[:, 0]],
    ids=["columns", "truth", "labels", "vector"],
)
def test_a_memory_map_is_estimated_as_its_array_is(tmp_path: Path, y: Any) -> None:
    noisy = X + RNG.standard_normal(X.shape).astype(np.float32)
    files = mapped(tmp_path, "x", noisy), mapped(tmp_path, "y", y)
    for method, options in (("mine", FAST), ("ksg", {}), ("binning", {})):
        result, expected = (
            estimate(*arrays, method, **options).to_dict() | {"seconds": 0.0}
            for arrays in (files, (noisy, y))
        )
        for fields in (result, expected):
            fields.get("secondary", {}).pop("seconds", None)
        assert result == expected


def test_what_is_stored_is_not_copied(tmp_path: Path) -> None:
    x = mapped(tmp_path, "x", X)
    stored = check_stored(x, X)
    assert np.shares_memory(stored.x.values, x)
    assert np.shares_memory(stored.y.values, X)
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
    assert examine_columns("x", late).varies.tolist() == [True, True]
    assert examine_columns("x", np.ones((300, 2))).varies.tolist() == [False, False]


def test_constant_columns_are_left_out() -> None:
    mixed = np.column_stack([np.zeros(300), X[:, 0], np.full(300, 7.0), X[:, 1]])
    side = check_side("x", mixed)
    np.testing.assert_array_equal(side.numbers(), X[:, :2].astype(np.float64))
    assert side.describe() == (f"shape {side.shape}, 2 continuous dimensions (2 constant left out)")
    expected = estimate(X[:, :2], X[:, 2] + X[:, 0], "gaussian").mi
    assert estimate(mixed, X[:, 2] + X[:, 0], "gaussian").mi == expected


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_integers_beyond_float64_stay_apart(dtype: type[np.generic]) -> None:
    y = np.tile(np.array([2**60, 2**60 + 1], dtype=dtype), 150)
    stored = check_stored(X, y)
    assert stored.label_entropy == pytest.approx(np.log(2))
    many = np.array([2**60 + i for i in range(300)], dtype=dtype)
    np.testing.assert_array_equal(check_side("y", many).numbers()[:, 0], np.arange(300.0))


def test_negative_and_large_integers_keep_their_differences() -> None:
    values = np.array([[-(2**63)], [2**63 - 1], [5], [6], [0], [1]])
    numbers = check_side("x", values, discrete=False).numbers()[:, 0]
    assert numbers.tolist() == [float(v - -(2**63)) for v in values[:, 0].tolist()]


@pytest.mark.parametrize(
    "names",
    [
        ["red", "green", "blue"],
        np.array(["red", "green", "blue"], dtype=object),
        np.array([b"red", b"green", b"blue"]),
    ],
    ids=["list", "objects", "bytes"],
)
@pytest.mark.parametrize("side", ["x", "y"])
def test_class_names_are_classes_on_either_side(names: Any, side: str) -> None:
    labels = RNG.integers(0, 3, 600)
    values = labels + RNG.standard_normal(600)
    named = [names[label] for label in labels.tolist()]
    sides = (named, values) if side == "x" else (values, named)
    expected = estimate(values, labels, "ksg")
    result = estimate(*sides, "ksg")
    # the order of the class indices does not matter
    assert result.mi == pytest.approx(expected.mi, abs=1e-12)
    assert result.read_as is not None
    assert result.read_as[side].endswith("a label with 3 classes")


def test_what_is_no_number_and_no_class_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"y: got 2 column\(s\) of strings, expected an array of num"
    ):
        check_side("y", np.array([["a", "b"], ["c", "d"]]))
    with pytest.raises(DataError, match=r"x: got 1 column\(s\) of strings"):
        check_side("x", ["a", "b"], discrete=False)
    with pytest.raises(DataError, match="got an array of complex128"):
        check_side("x", np.ones(4, dtype=complex))


def test_masked_values_are_refused_and_not_uncovered() -> None:
    masked = np.ma.masked_array(X, mask=np.zeros(X.shape, dtype=bool))
    assert len(check_side("x", masked)) == 300
    masked.mask[41, 2] = True
    with pytest.raises(
        DataError, match="x: got a masked value in row 41, expected samples without"
    ):
        check_side("x", masked)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.bool_])
def test_integers_with_few_values_are_classes_on_either_side(dtype: type[np.generic]) -> None:
    codes = RNG.integers(0, 2, 300).astype(dtype)
    assert check_side("x", codes).num_classes == 2
    assert check_side("x", codes, discrete=False).num_classes == 0
    assert check_side("x", RNG.integers(0, 250, 300)).num_classes == 0
    assert check_side("x", RNG.integers(0, 250, 300), discrete=True).num_classes > 100
    assert check_side("x", X[:, 0]).num_classes == 0


def test_distinct_values_are_counted_over_all_chunks() -> None:
    column = RNG.integers(-4, 9, (300, 1))
    result = distinct(column)
    assert result is not None
    values, counts = np.unique(column, return_counts=True)
    assert result[0].tolist() == values.tolist()
    assert result[1].tolist() == counts.tolist()
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


def test_missing_names_are_refused() -> None:
    with pytest.raises(DataError, match="array of object"):
        check_side("x", ["a", float("nan")] * 50)


def test_tensors_in_a_list_are_refused_in_a_line() -> None:
    rows = [torch.ones(2, requires_grad=True) for _ in range(5)]
    with pytest.raises(DataError, match="x: got list"):
        check_side("x", rows)
