"""The figures of a step, and whether all of them are finite."""

import math

import pytest
import torch

from ibtrain.train.watch import StepFigures


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_step_is_finite_where_every_figure_and_the_gradient_are(broken: float) -> None:
    figures = StepFigures(seeds=(0, 1))
    finite, length = torch.tensor([1.0, 2.0]), torch.tensor(3.0)
    assert figures.add({"loss": finite, "mi_xt": finite}, length)
    assert not figures.add({"loss": finite, "mi_xt": finite}, torch.tensor(broken))
    assert not figures.add({"loss": finite, "mi_xt": torch.tensor([1.0, broken])}, length)
    assert len(figures) == 3
