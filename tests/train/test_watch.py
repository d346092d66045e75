"""Whether the figures of a step are finite."""

import math

import pytest
import torch

from ibtrain.train.watch import are_finite


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("member", [0, 1])
@pytest.mark.parametrize("figure", [0, 2])
def test_figures_are_finite_where_all_are(broken: float, member: int, figure: int) -> None:
    figures = torch.tensor([[1.0, -2.0, 3.0], [0.0, 1e30, -1e30]])
    assert are_finite(figures)
    figures[member, figure] = broken
    assert not are_finite(figures)
