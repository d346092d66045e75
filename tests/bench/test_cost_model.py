"""The formulas of docs/scaling.md are what torch counts."""

from importlib import import_module
from pathlib import Path

import pytest

from ibtrain import ObjectiveConfig


@pytest.mark.parametrize("beta", [0.0, 1e-4])
@pytest.mark.parametrize("critic_width", [0, 24])
@pytest.mark.parametrize("widths", [(7, 5, 3), (20, 30, 11, 8, 4)])
def test_the_operations_of_a_step_are_those_that_torch_counts(
    widths: tuple[int, ...], critic_width: int, beta: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    model = import_module("cost_model")
    config = ObjectiveConfig(beta=beta, critic_width=critic_width, pair_critic_width=6)
    blocks, whole = model.loops(widths, config)
    assert [model.counted(loop) for loop in blocks] == model.layerwise_flops(widths, config)
    assert model.counted(whole) == model.backprop_flops(widths)
