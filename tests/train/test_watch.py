"""The figures of a step, and whether all of them are finite."""

import math

import pytest
import torch

from ibtrain.train.watch import StepFigures, are_finite


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_step_is_finite_where_every_figure_and_the_gradient_are(broken: float) -> None:
    figures = StepFigures(seeds=(0, 1))
    finite, length = torch.tensor([1.0, 2.0]), torch.tensor(3.0)
    assert are_finite(figures.of_step({"loss": finite, "mi_xt": finite}, length))
    for mi_xt, norm in ((finite, torch.tensor(broken)), (torch.tensor([1.0, broken]), length)):
        assert not are_finite(figures.of_step({"loss": finite, "mi_xt": mi_xt}, norm))
