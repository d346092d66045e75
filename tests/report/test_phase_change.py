"""Where the mean gradient falls below its standard deviation."""

import numpy as np
import pytest

from ibtrain.report.gradients import phase_change

EPOCHS = np.array([0.0, 1, 3, 7, 15])
"""Their distances are equal on the scale of epochs."""


def change(*ratios: float) -> tuple[float, float] | None:
    """The change of phase where the standard deviation is 2."""
    std = np.full(len(ratios), 2.0)
    return phase_change(EPOCHS[: len(ratios)], np.array(ratios) * std, std)


def test_it_is_where_the_lines_cross() -> None:
    # log-ratios of 1 and -1: half way between epochs 1 and 3
    result = change(9.0, np.e, 1 / np.e, 0.1)
    assert result is not None
    np.testing.assert_allclose(result, (np.sqrt(2 * 4) - 1, 2.0))
    # three quarters of the way
    result = change(9.0, np.exp(3), 1 / np.e, 0.1)
    assert result is not None
    np.testing.assert_allclose(result[0], 2**1.75 - 1)


def test_its_norm_is_on_both_lines() -> None:
    mean, std = np.array([8.0, 8, 2, 2]), np.array([1.0, 2, 4, 4])
    result = phase_change(EPOCHS[:4], mean, std)
    assert result is not None
    epoch, norm = result
    place = [np.log1p(epoch), np.log1p(EPOCHS[:4])]
    for line in (mean, std):
        np.testing.assert_allclose(np.log(norm), np.interp(*place, np.log(line)))


@pytest.mark.parametrize(
    "ratios",
    [
        (2, 2, 2, 2, 2),
        (0.5, 0.5, 0.5, 0.5),
        (0.5, 0.5, 2, 2),
        (2, 0.5, 0.5, 0.5),
        (2, 2, 2, 0.5),
        (2, 2, 0.5, 0.5, 2),
        (2, 0.5, 2, 0.5, 0.5),
        (2, 1, 0.5, 0.5),
        (2, 2, 0, 0),
        (2,),
    ],
)
def test_without_two_points_on_either_side_there_is_none(ratios: tuple[float, ...]) -> None:
    assert change(*ratios) is None


@pytest.mark.parametrize("ratios", [(2, 2, 0.5, 0.5), (0.5, 2, 2, 0.5, 0.5)])
def test_two_points_on_either_side_are_enough(ratios: tuple[float, ...]) -> None:
    assert change(*ratios) is not None
