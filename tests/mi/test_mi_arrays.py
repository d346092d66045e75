"""Columns of data frames are read as what they are, or refused by name."""

import numpy as np
import pandas as pd
import pytest

from ibtrain.errors import DataError
from ibtrain.mi.arrays import as_array
from ibtrain.mi.samples import check_side

FRAME = pd.DataFrame(
    {
        "number": np.linspace(0, 1, 40),
        "count": np.arange(40),
        "flag": np.arange(40) % 2 == 0,
        "colour": ["red", "blue"] * 20,
        "kind": pd.Categorical(np.arange(40) % 10),
        "whole": pd.array(np.arange(40) % 2, dtype="Int64"),
        "gap": [np.nan, *np.linspace(0, 1, 39)],
        "word": ["a", None] * 20,
        "time": pd.date_range("2026-01-01", periods=40),
    }
)


def test_columns_are_numbers_or_classes() -> None:
    for name, classes in (("number", 0), ("flag", 2), ("colour", 2), ("kind", 10), ("whole", 2)):
        assert check_side("x", FRAME[name]).num_classes == classes, name
        assert check_side("x", FRAME[[name]]).num_classes == classes, name


def test_columns_of_several_types_are_numbers_together() -> None:
    array = as_array("x", FRAME[["number", "flag", "whole", "count"]])
    assert array.dtype == np.float64
    np.testing.assert_array_equal(array[:, 1], FRAME["flag"].astype(float))
    np.testing.assert_array_equal(array[:, 3], np.arange(40))
    # 64-bit integers keep their digits
    big = pd.DataFrame({"a": [2**60, 2**60 + 1], "b": [1, 2]})
    assert as_array("x", big)[1, 0] == 2**60 + 1


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("gap", r"x: got 1 missing value in column 'gap', the first in row 0, expected a value"),
        (["number", "gap"], "1 missing value in column 'gap', the first in row 0"),
        ("word", "20 missing values in column 'word', the first in row 1"),
        (["number", "colour"], "column 'colour' of type .* among several, expected columns of num"),
        (["number", "kind"], "column 'kind' of type category among several"),
        ("time", "an array of datetime64.*expected an array of numbers"),
    ],
)
def test_what_can_not_be_read_is_named(names: str | list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        as_array("x", FRAME[names])
