"""Data sets that are made of arrays, tensors, lists and data frames."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from ibtrain.data.dataset import Dataset
from ibtrain.errors import DataError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4)) * [1, 10, 100, 0.1] + [0, 5, 1e6, 0]
Y = np.arange(90) % 3
NAMES = np.array(["cat", "dog", "emu"])
IMAGES = RNG.integers(256, size=(90, 6, 5, 3), dtype=np.uint8)
FRAME = pd.DataFrame(X, columns=["a", "b", "c", "d"]).assign(kind=NAMES[Y])


def test_without_a_test_split_a_fifth_is_one_and_columns_are_standardised() -> None:
    data = Dataset.from_arrays(X, Y)
    assert (len(data.train), len(data.test)) == (72, 18)
    torch.testing.assert_close(data.train.x.mean(0), torch.zeros(4), atol=1e-6, rtol=0)
    torch.testing.assert_close(data.train.x.std(0, correction=0), torch.ones(4))
    # the statistics are those of the training samples alone
    assert data.test.x.mean(0).abs().max() > 1e-3


def test_the_scaling_gives_the_inputs_of_raw_samples_exactly() -> None:
    data = Dataset.from_arrays(X[30:], Y[30:], test=(X[:30], Y[:30]))
    assert data.scaling is not None
    assert torch.equal(data.scaling(torch.from_numpy(X[:30])), data.test.x)
    mean, std = X[30:].mean(0), X[30:].std(0)
    np.testing.assert_allclose(data.test.x.numpy(), (X[:30] - mean) / std, atol=1e-5)
    assert data.scaling.describe() == "each column standardised"


def test_images_are_scaled_by_channel() -> None:
    data = Dataset.from_arrays(IMAGES[30:], Y[30:], test=(IMAGES[:30], Y[:30]))
    assert data.train.x.shape == (60, 3, 6, 5)
    expected = IMAGES[:30].transpose(0, 3, 1, 2) / 255
    train = IMAGES[30:].transpose(0, 3, 1, 2) / 255
    mean, std = train.mean((0, 2, 3), keepdims=True), train.std((0, 2, 3), keepdims=True)
    np.testing.assert_allclose(data.test.x.numpy(), (expected - mean) / std, atol=1e-5)
    assert data.scaling is not None
    assert torch.equal(data.scaling(torch.from_numpy(IMAGES[:30])), data.test.x)
    assert data.scaling.describe() == "bytes divided by 255, then each channel standardised"


def test_grey_images_get_a_channel() -> None:
    data = Dataset.from_arrays(IMAGES[..., 0], Y)
    assert data.train.x.shape[1:] == (1, 6, 5)


@pytest.mark.parametrize(
    "x",
    [
        X.tolist(),
        torch.from_numpy(X),
        torch.from_numpy(X).requires_grad_(),
        list(torch.from_numpy(X)),
        X.astype(object),
        pd.DataFrame(X),
        np.asfortranarray(X),
    ],
)
def test_samples_of_any_kind_are_the_same(x: Any) -> None:
    expected, data = Dataset.from_arrays(X, Y), Dataset.from_arrays(x, Y)
    assert data.fingerprint() == expected.fingerprint()


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (Y + 1, (1, 2, 3)),
        (Y - 7, (-7, -6, -5)),
        (10 * Y, (0, 10, 20)),
        (Y.astype(np.uint64), (0, 1, 2)),
        (Y.astype(float) + 1, (1, 2, 3)),
        (Y[:, None], (0, 1, 2)),
        (torch.from_numpy(Y), (0, 1, 2)),
        (torch.from_numpy(Y).bfloat16(), (0, 1, 2)),
        (NAMES[Y], tuple(NAMES)),
        (NAMES[Y].astype("S"), tuple(NAMES)),
        (NAMES[Y].tolist(), tuple(NAMES)),
        (pd.Series(NAMES[Y]), tuple(NAMES)),
        (pd.Series(NAMES[Y]).astype("category"), tuple(NAMES)),
        (np.eye(3)[Y], (0, 1, 2)),
        (torch.eye(3)[Y], (0, 1, 2)),
        (pd.get_dummies(NAMES[Y]), tuple(NAMES)),
    ],
)
def test_labels_of_any_kind_are_the_same(y: Any, classes: tuple[Any, ...]) -> None:
    data = Dataset.from_arrays(X, y)
    assert data.classes == classes
    tested = Dataset.from_arrays(X, y, test=(X[:9], y[:9]))
    assert tested.test.y.tolist() == Y[:9].tolist()
    assert data.fingerprint() == Dataset.from_arrays(X, Y).fingerprint()


def test_booleans_are_two_classes() -> None:
    assert Dataset.from_arrays(X, Y == 1).classes == (False, True)


def test_names_belong_to_whole_numbers() -> None:
    data = Dataset.from_arrays(X, Y, classes=tuple(NAMES))
    assert data.classes == tuple(NAMES)
    with pytest.raises(DataError, match="label 3, expected one of the classes 0, 1, 2"):
        Dataset.from_arrays(X, Y + 1, classes=tuple(NAMES))


def spoilt(value: object) -> np.ndarray:
    x = X.astype(object)
    x[3, 2] = value
    return x


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X, RNG.normal(size=90), r"label -?\d\.\d+, expected whole numbers or strings, the classes \(not"),
        (X, np.arange(90), r"72 distinct labels of 72 samples, expected classes"),
        (X, X[:, :3] > 0, r"\(90, 3\) that are not one-hot, expected a single column of labels"),
        (X, np.eye(3)[Y] * 0.5, "that are not one-hot"),
        (X, Y[:-1], r"labels of shape \(89,\), expected one label for each of 90 samples"),
        (X, np.zeros(90), "a single class"),
        (X, np.where(Y == 1, np.nan, Y), "30 missing values in the labels"),
        (X, [None, *NAMES[Y][1:]], "1 missing value in the labels, expected a label for each sample: drop"),
        (X, [np.nan, *NAMES[Y][1:]], "1 missing value in the labels"),
        (X, [1, *NAMES[Y][1:]], "labels of types int, str_?, expected labels of one type"),
        (X, Y.astype(complex), "labels of type complex128, expected integers or strings"),
        (X[:, 0], Y, r"samples of shape \(90,\), expected \(samples, dim\): x.reshape\(-1, 1\)"),
        (spoilt(np.nan), Y, r"1 missing value in the samples, expected finite"),
        (spoilt(np.nan).astype(float), Y, r"1 NaN or infinite values .*\(the first in row 3, column 2\)"),
        (spoilt(None), Y, "1 missing value in the samples"),
        (spoilt("red"), Y, "the string 'red', expected numbers: one-hot encode it"),
        (X + 1j, Y, "samples of type complex128, expected numbers"),
        ([[1, 2], [3]], Y, "a list, expected an array of samples of one shape|samples of type list"),
        ({"a": 1}, Y, "x: got a dict, expected an array, a tensor or a data frame"),
        (iter(X), Y, "expected an array, a tensor or a data frame of samples"),
        ("abc", Y, "x: got a str"),
    ],
)  # fmt: skip
def test_what_is_no_classification_is_told(x: Any, y: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Dataset.from_arrays(x, y)


def test_sparse_matrices_are_told_to_become_dense() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(DataError, match=r"call x.toarray\(\)"):
        Dataset.from_arrays(sparse.csr_matrix(X), Y)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ((X[:9, :3], Y[:9]), r"test: got shape \(3,\), expected samples of shape \(4,\), as in tr"),
        ((X[:9], Y[:9] + 5), "label 5, expected one of the classes 0, 1, 2"),
        ((X[:9], NAMES[Y[:9]]), "label 'cat', expected one of the classes 0, 1, 2"),
        (0.2, r"test: got a float, expected a pair \(x, y\)"),
        ((X[:9],), r"expected a pair \(x, y\)"),
    ],
)
@pytest.mark.usefixtures("unchecked_types")
def test_a_test_split_is_like_the_training_split(test: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Dataset.from_arrays(X, Y, test=test)


def test_a_frame_has_its_labels_in_a_column() -> None:
    data = Dataset.from_frame(FRAME, target="kind")
    assert data.fingerprint() == Dataset.from_arrays(X, NAMES[Y]).fingerprint()
    assert data.scaling is not None
    assert data.scaling.columns == ("a", "b", "c", "d")


def test_columns_of_the_test_frame_may_be_in_any_order() -> None:
    test = FRAME[:30][["kind", "d", "c", "b", "a"]]
    data = Dataset.from_frame(FRAME[30:], "kind", test=test)
    expected = Dataset.from_arrays(X[30:], Y[30:], test=(X[:30], Y[:30]))
    assert torch.equal(data.test.x, expected.test.x)


@pytest.mark.parametrize(
    ("frame", "target", "message"),
    [
        (FRAME, "kinds", "target: got 'kinds', expected one of the columns a, b, c, d, kind"),
        (X, "kind", "a ndarray, expected a data frame"),
        (FRAME.assign(e=NAMES[Y]), "kind", "strings in column 'e', expected numbers: one-hot"),
        (
            FRAME.assign(b=FRAME.b.where(Y == 1)),
            "kind",
            "60 missing values in column 'b', expected",
        ),
        (
            FRAME.assign(city=NAMES[Y], street=NAMES[Y]),
            "kind",
            r"strings in columns 'city', 'street', expected numbers: one-hot encode them "
            r"\(pandas.get_dummies\(frame, columns=\['city', 'street'\]\)\) or drop them",
        ),
        (
            pd.get_dummies(FRAME),
            "kind",
            "a column of labels, of which pandas.get_dummies has made kind_cat, .*leave 'kind' as it is",
        ),
        (FRAME.rename(columns={"a": "k_a"}), "k", "'k', expected one of the columns k_a, b"),
        (
            FRAME.assign(kind=FRAME.kind.where(FRAME.index > 0)),
            "kind",
            r"1 missing value in column 'kind', the labels, .*drop the rows without one \(dropna",
        ),
        (
            FRAME.assign(kind=np.where(Y == 1, np.nan, Y)),
            "kind",
            "30 missing values in column 'kind', the labels",
        ),
        (FRAME.assign(b=pd.Timestamp("2020")), "kind", "column 'b' of type datetime64"),
        (FRAME.drop(columns="kind"), "a", "expected whole numbers or strings"),
    ],
)
def test_a_frame_that_can_not_be_used_is_refused(frame: Any, target: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Dataset.from_frame(frame, target)


def test_a_missing_column_of_the_test_frame_is_named() -> None:
    with pytest.raises(DataError, match="no column 'b', expected the columns of training: a, b"):
        Dataset.from_frame(FRAME, "kind", test=FRAME.drop(columns="b"))


def test_options_hold_out_and_leave_unscaled() -> None:
    data = Dataset.from_arrays(X, Y, validation=0.25, standardise=False, name="mine")
    assert data.validation is not None
    assert (len(data.validation), data.name) == (18, "mine")
    assert data.scaling is not None
    # centred in float64 before the rounding to float32
    assert not data.scaling.is_scaled
