"""The matrix of a data frame's columns, against closed forms, counts and scikit-learn."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import entropy
from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

from ibtrain import estimate, mi_matrix
from ibtrain.errors import ConfigError, DataError
from ibtrain.mi.matrix import MIMatrix

COUNT = 1000
RNG = np.random.default_rng(0)
COVARIANCE = np.array([[1, 0.8, 0.3], [0.8, 1, 0], [0.3, 0, 1]])
A, B, C = RNG.multivariate_normal(np.zeros(3), COVARIANCE, COUNT).T
KIND = np.where(A + 0.5 * RNG.standard_normal(COUNT) > 0, "plus", "minus")
GRADE = np.where(RNG.random(COUNT) < 0.7, (KIND == "plus").astype(int), RNG.integers(0, 3, COUNT))
FRAME = pd.DataFrame({"a": A, "b": B, "c": C, "kind": KIND, "grade": GRADE})


@pytest.fixture(scope="module")
def matrix() -> MIMatrix:
    return mi_matrix(FRAME, "ksg")


@pytest.mark.parametrize("method", ["ksg", "gaussian"])
def test_gaussian_columns_have_the_closed_form(method: str) -> None:
    values = mi_matrix(FRAME[["a", "b", "c"]], method)
    for (i, x), (j, y) in ((p, q) for p in enumerate("abc") for q in enumerate("abc")):
        if i == j:
            assert math.isnan(values.to_frame().loc[x, y])
            continue
        truth = -0.5 * math.log(1 - COVARIANCE[i, j] ** 2)
        # the largest error of either method is 2.1 standard errors
        assert abs(values[x, y].mi - truth) < 3 * values[x, y].stderr
        assert values.to_frame().loc[x, y] == values.to_frame().loc[y, x] == values[y, x].mi
        assert values.to_frame("stderr").loc[x, y] == values[x, y].stderr


def test_discrete_columns_are_counted(matrix: MIMatrix) -> None:
    cell = matrix["kind", "grade"]
    counts = pd.crosstab(FRAME["kind"], FRAME["grade"]).to_numpy()
    naive = entropy(counts.sum(0)) + entropy(counts.sum(1)) - entropy(counts.ravel())
    # the jackknife removes a bias of (2 - 1) (3 - 1) / 2n
    assert cell.mi == pytest.approx(naive - 1 / COUNT, abs=1e-4)
    for name in ("kind", "grade"):
        shares = FRAME[name].value_counts(normalize=True)
        assert matrix[name, name].mi == pytest.approx(entropy(shares), abs=1e-12)
        assert matrix[name, name].flags == ()


def test_an_entropy_is_no_larger_than_that_of_equal_classes() -> None:
    """A correction of the bias would exceed it: the classes of a balanced table have exactly log K."""
    frame = pd.DataFrame({"a": A[:150], "species": np.repeat(["x", "y", "z"], 50)})
    cells = mi_matrix(frame, unit="bits")
    assert cells["species", "species"].mi == pytest.approx(math.log2(3), abs=1e-12)
    assert cells["species", "species"].mi == cells["species", "species"].ceiling
    assert cells["a", "species"].ceiling == pytest.approx(math.log2(3), abs=1e-12)


def test_mixed_columns_agree_with_scikit_learn(matrix: MIMatrix) -> None:
    """It has no errors of its own; the differences are below 0.6 of this package's standard errors."""
    table = FRAME[["a", "b", "c"]].to_numpy()
    classif = mutual_info_classif(table, FRAME["kind"], n_neighbors=5, random_state=0)
    for name, value in zip("abc", classif, strict=True):
        assert matrix[name, "kind"].mi == pytest.approx(value, abs=2 * matrix[name, "kind"].stderr)
    regression = mutual_info_regression(table[:, 1:], FRAME["a"], n_neighbors=5, random_state=0)
    for name, value in zip("bc", regression, strict=True):
        # scikit-learn cuts at zero
        assert max(matrix["a", name].mi, 0) == pytest.approx(
            value, abs=2 * matrix["a", name].stderr
        )


def test_a_cell_is_what_estimate_says(matrix: MIMatrix) -> None:
    expected = estimate(FRAME["b"], FRAME["kind"], "ksg")
    cell = matrix["b", "kind"]
    assert (cell.mi, cell.stderr, cell.flags) == (expected.mi, expected.stderr, expected.flags)
    bits = mi_matrix(FRAME[["b", "kind"]], unit="bits", k=5)
    assert bits["b", "kind"].mi == pytest.approx(expected.mi / math.log(2))
    assert bits["kind", "kind"].mi == pytest.approx(matrix["kind", "kind"].mi / math.log(2))


def test_a_column_that_can_not_be_used_costs_no_other_cell() -> None:
    frame = FRAME[["a", "kind"]].assign(gap=np.where(A > 2, np.nan, A), same=1.0)
    matrix = mi_matrix(frame, "gaussian")
    assert "missing values in column 'gap'" in matrix.errors["a", "gap"]
    assert "samples of method gaussian: got a discrete side" in matrix.errors["a", "kind"]
    assert matrix["a", "same"].flags == ("constant",)
    assert matrix.to_frame().loc["a"].isna().tolist() == [True, True, True, False]
    document = json.loads(json.dumps(matrix.to_dict()))
    assert {(cell["x"], cell["y"]) for cell in document["cells"] if "error" in cell} == set(
        matrix.errors
    )


def test_p_values_are_in_the_matrix() -> None:
    table = mi_matrix(FRAME[["a", "b", "kind"]], "ksg", permutations=4).to_frame("p_value")
    assert table.loc["a", "b"] == table.loc["b", "a"] == table.loc["a", "kind"] == 0.2
    assert math.isnan(table.loc["kind", "kind"])


def test_a_long_frame_has_a_row_for_each_pair() -> None:
    frame = FRAME[["a", "kind"]].assign(gap=np.where(A > 2, np.nan, A), same=1.0)
    matrix = mi_matrix(frame, "ksg", permutations=1, unit="bits")
    rows = matrix.to_long_frame().set_index(["x", "y"])
    assert set(rows.index) == {*matrix.cells, *matrix.errors}
    for pair, cell in matrix.cells.items():
        row = rows.loc[pair]
        assert (row["mi"], row["stderr"], row["unit"]) == (cell.mi, cell.stderr, "bits")
        assert (row["flags"], row["error"]) == (" ".join(cell.flags), "")
    assert rows.loc[("a", "same"), "flags"] == "constant"
    assert rows.loc[("a", "kind"), "p_value"] == 0.5
    assert rows.loc[("a", "gap"), "error"] == matrix.errors["a", "gap"]
    assert math.isnan(rows.loc[("a", "gap"), "mi"])


def test_mistakes_are_refused() -> None:
    with pytest.raises(DataError, match="at least two columns with distinct names"):
        mi_matrix(FRAME[["a"]])
    with pytest.raises(DataError, match="got a ndarray, expected a pandas data frame"):
        mi_matrix(FRAME[["a", "b"]].to_numpy())
    with pytest.raises(DataError, match="matrix: got columns a, a"):
        mi_matrix(FRAME[["a", "a"]])
    with pytest.raises(ConfigError, match="method: got 'magic'"):
        mi_matrix(FRAME, "magic")
    with pytest.raises(ConfigError, match="options of ksg: got 'kk'"):
        mi_matrix(FRAME, kk=3)
