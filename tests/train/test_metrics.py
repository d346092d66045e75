"""Whether the metrics of a step are finite."""

import math

import pytest
import torch

from ibtrain.train.metrics import are_finite


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("metric", [0, 2])
def test_metrics_are_finite_where_all_are(broken: float, step: int, metric: int) -> None:
    metrics = torch.tensor([[1.0, -2.0, 3.0], [0.0, 1e30, -1e30]])
    assert are_finite(metrics)
    metrics[step, metric] = broken
    assert not are_finite(metrics)
