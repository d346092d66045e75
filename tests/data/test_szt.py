"""The 12-bit problem: its symmetry, its exact probabilities, and the labels that were drawn."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import factorial, lpmv
from scipy.stats import special_ortho_group

from ibtrain.data.load import load_dataset
from ibtrain.data.szt import (
    LABEL_ENTROPY_BITS,
    MI_XY_BITS,
    icosahedron,
    label_probabilities,
    patterns,
    read_szt,
    symmetric_energy,
)

X, POINTS = patterns(), icosahedron()


def entropy_bits(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of a binary variable that is 1 with probability p."""
    return -sum(q * np.log2(np.where(q > 0, q, 1)) for q in (p, 1 - p))


def test_every_input_is_there_once() -> None:
    assert X.shape == (4096, 12)
    assert set(np.unique(X)) == {0, 1}
    assert len(np.unique(X, axis=0)) == 4096


def test_points_are_uniformly_placed() -> None:
    """Each has five neighbours at one distance, and the points' first and second moments are a sphere's."""
    cosines = np.sort(POINTS @ POINTS.T, axis=1)
    expected = [-1, *[-(5**-0.5)] * 5, *[5**-0.5] * 5, 1]
    np.testing.assert_allclose(cosines, np.tile(expected, (12, 1)), atol=1e-12)
    np.testing.assert_allclose(POINTS.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(POINTS.T @ POINTS / 12, np.eye(3) / 3, atol=1e-12)


def test_the_energy_is_that_of_the_spherical_harmonics() -> None:
    azimuth = np.arctan2(POINTS[:, 1], POINTS[:, 0])
    energy = np.zeros(4096)
    for degree in range(5):
        for order in range(degree + 1):
            ratio = factorial(degree - order) / factorial(degree + order)
            norm = np.sqrt((2 * degree + 1) / (4 * np.pi) * ratio)
            harmonic = norm * lpmv(order, degree, POINTS[:, 2]) * np.exp(1j * order * azimuth)
            # the harmonic of order -m is the conjugate one, up to its sign
            energy += (1 + (order > 0)) * np.abs(X @ harmonic) ** 2
    np.testing.assert_allclose(symmetric_energy(X, POINTS), energy, atol=1e-11)


def test_no_rotation_and_no_reflection_changes_the_energy() -> None:
    energy = symmetric_energy(X, POINTS)
    rotation = special_ortho_group.rvs(3, random_state=0)
    for transformation in (rotation, -rotation):
        np.testing.assert_allclose(symmetric_energy(X, POINTS @ transformation), energy, atol=1e-11)
    # a rotation by 120 degrees about the diagonal exchanges the points
    permutation = ((POINTS[:, None, [1, 2, 0]] - POINTS[None]) ** 2).sum(-1).argmin(1)
    assert sorted(permutation) == list(range(12))
    np.testing.assert_allclose(symmetric_energy(X[:, permutation], POINTS), energy, atol=1e-11)
    assert len(np.unique(energy.round(9))) == 64


def test_the_information_is_as_stated() -> None:
    p = label_probabilities()
    assert p.mean() == pytest.approx(0.5, abs=0.002)
    label_entropy = float(entropy_bits(p.mean()))
    assert label_entropy == pytest.approx(LABEL_ENTROPY_BITS, abs=5e-5)
    assert label_entropy - entropy_bits(p).mean() == pytest.approx(MI_XY_BITS, abs=5e-5)


def test_labels_are_drawn_from_the_probabilities() -> None:
    raw, p = read_szt(), label_probabilities()
    x = np.concatenate([raw.x_train, raw.x_test]).astype(int)
    y = np.concatenate([raw.y_train, raw.y_test])
    of_input = p[x @ (1 << np.arange(12))]
    unlikely = np.where(of_input > 0.5, 1 - of_input, of_input)
    differing = (y != (of_input > 0.5)).sum()
    # five standard deviations of a sum of independent draws
    spread = 5 * np.sqrt((unlikely * (1 - unlikely)).sum())
    assert 0 < differing < unlikely.sum() + spread
    np.testing.assert_array_equal(read_szt().y_train, raw.y_train)


def test_a_fifth_of_the_inputs_is_the_test_split() -> None:
    data = load_dataset("szt")
    assert (len(data.train), len(data.test), data.num_classes) == (3277, 819, 2)
    rows = {tuple(row) for split in data.splits.values() for row in (split.x > 0).int().tolist()}
    assert len(rows) == 4096
