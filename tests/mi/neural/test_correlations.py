"""Correlations between x and y after removal of the noise."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ibtrain.mi.neural.correlations import (
    CROSS_STRUCTURES,
    correlation_of,
    shared_directions,
    simplify_cross,
)
from ibtrain.mi.neural.inputs import UNSHARED_VARIANCE, CriticInput, fit_inputs

Array = NDArray[np.float64]
DIM, COUNT = 12, 4000


def two_shared(seed: int, mixed: bool) -> Array:
    """x and y of 12 coordinates, two of which have a correlation of 0.7; rotated if ``mixed``."""
    rng = np.random.default_rng(seed)
    x, noise = rng.standard_normal((2, COUNT, DIM))
    y = noise.copy()
    y[:, :2] = 0.7 * x[:, :2] + np.sqrt(1 - 0.7**2) * noise[:, :2]
    if mixed:
        rotation_x, rotation_y = np.linalg.qr(rng.standard_normal((2, DIM, DIM)))[0]
        x, y = x @ rotation_x, y @ rotation_y
    return np.hstack([x, y])


def information(correlation: Array) -> float:
    blocks = correlation, correlation[:DIM, :DIM], correlation[DIM:, DIM:]
    log_det, log_det_x, log_det_y = (np.linalg.slogdet(block)[1] for block in blocks)
    return float(0.5 * (log_det_x + log_det_y - log_det))


@pytest.mark.parametrize(
    ("cross", "mixed", "parameters"),
    [
        ("full", False, DIM * DIM),
        ("sparse", False, 2 * 2),
        ("low-rank", True, 2 * (DIM + DIM - 2)),
    ],
)
def test_a_fit_is_too_high_by_its_parameters(cross: str, mixed: bool, parameters: int) -> None:
    """By p / 2n nats (Wilks): 0.018 with all correlations, 0.0005 and 0.0055 with fewer parameters."""
    truth = -np.log(1 - 0.7**2)
    fitted = [
        information(simplify_cross(correlation_of(two_shared(seed, mixed)), DIM, COUNT, cross))
        for seed in range(100)
    ]
    # three standard errors of the mean
    assert np.mean(fitted) - truth == pytest.approx(parameters / (2 * COUNT), abs=0.0045)


@pytest.mark.parametrize("cross", CROSS_STRUCTURES)
def test_the_sides_keep_their_own_correlations(cross: str) -> None:
    correlation = correlation_of(two_shared(0, mixed=True))
    simpler = simplify_cross(correlation, DIM, COUNT, cross)
    for side in (slice(None, DIM), slice(DIM, None)):
        assert np.array_equal(simpler[side, side], correlation[side, side])
    assert np.linalg.eigvalsh(simpler).min() > 0


@pytest.mark.parametrize("seed", range(5))
def test_shared_directions_are_found(seed: int) -> None:
    z = two_shared(seed, mixed=True)
    directions = shared_directions(correlation_of(z), DIM, COUNT)
    variates = [
        side @ columns for side, columns in zip(np.split(z, 2, axis=1), directions, strict=True)
    ]
    assert variates[0].shape == variates[1].shape == (COUNT, 2)
    cross = variates[0].T @ variates[1] / COUNT
    # the variates of x are uncorrelated and have unit variance
    assert variates[0].T @ variates[0] / COUNT == pytest.approx(np.eye(2), abs=0.07)
    assert np.diag(cross) == pytest.approx([0.7, 0.7], abs=0.05)


def test_independent_sides_share_nothing() -> None:
    rng = np.random.default_rng(0)
    shared = [
        shared_directions(correlation_of(rng.standard_normal((COUNT, 2 * DIM))), DIM, COUNT)[
            0
        ].shape
        for _ in range(50)
    ]
    assert sum(columns for _, columns in shared) <= 1


def test_a_critic_reads_shared_directions_first() -> None:
    """For rotated samples, the other directions together have a tenth of the variance of the shared ones."""
    z = two_shared(0, mixed=True)
    critic_input, _ = fit_inputs(z, DIM)
    columns_read = critic_input(z[:, :DIM])
    variances = np.sort(np.linalg.eigvalsh(np.cov(columns_read[:, :DIM].T)))
    assert variances[-2:] == pytest.approx([1, 1], abs=0.1)
    assert variances[:-2].sum() == pytest.approx(2 * UNSHARED_VARIANCE, rel=0.05)


def test_squared_lengths_are_standardised() -> None:
    columns_read = CriticInput(np.eye(5))(np.random.default_rng(0).standard_normal((20_000, 5)))
    assert columns_read.shape == (20_000, 6)
    assert columns_read[:, 5].mean() == pytest.approx(0, abs=0.02)
    assert columns_read[:, 5].std() == pytest.approx(1, abs=0.02)


def test_a_single_coordinate_is_read_as_it_is() -> None:
    z = np.random.default_rng(0).standard_normal((100, 1))
    critic_input = CriticInput(np.eye(1))
    assert critic_input.dim == 1
    assert np.array_equal(critic_input(z), z)
