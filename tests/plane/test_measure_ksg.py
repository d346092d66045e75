"""The nearest-neighbour measure against the exact values, and in a wide layer."""

import pytest
import torch

from ibtrain.config import PlaneConfig
from ibtrain.mi.channel.exact import channel_mi
from ibtrain.mi.result import Estimate
from ibtrain.plane.measures.base import LayerSample, LayerSpec
from ibtrain.plane.measures.ksg import Ksg


def measured(h: torch.Tensor, y: torch.Tensor, sigma: float) -> tuple[Estimate, Estimate]:
    spec = LayerSpec(h.shape[1], torch.zeros(2), 0, PlaneConfig())
    values = Ksg(spec).measure(LayerSample(h, y, h, y, sigma, seed=0))
    xt, hy = values["mi_xt_ksg"], values["mi_hy_ksg"]
    assert isinstance(xt, Estimate)
    assert isinstance(hy, Estimate)
    return xt, hy


def test_one_unit_has_nearly_the_exact_values() -> None:
    """With this noise, the label's information of t is that of h but for 0.01 nats."""
    y = torch.arange(1000) % 2
    h = torch.randn(1000, 1, generator=torch.Generator().manual_seed(0)) + 2.0 * y.unsqueeze(1)
    xt, hy = measured(h, y, 0.3)
    exact = channel_mi(h, 0.3, y)
    assert exact.mi_ty is not None
    assert xt.mi == pytest.approx(exact.mi_xt.mi, abs=0.1)
    assert hy.mi == pytest.approx(exact.mi_ty.mi, abs=0.04)
    assert xt.method == hy.method == "ksg"


def test_a_wide_layer_is_flagged() -> None:
    y = torch.arange(200) % 2
    h = torch.randn(200, 12, generator=torch.Generator().manual_seed(0)) + 2.0 * y.unsqueeze(1)
    for value in measured(h, y, 0.3):
        assert value.flags.count("undersampled") == 1
        assert value.mi > 0.2


def test_the_order_of_the_samples_is_no_time_series() -> None:
    y = torch.arange(300) // 100
    h = torch.randn(300, 2, generator=torch.Generator().manual_seed(0)) + y.unsqueeze(1)
    assert not any("serial" in value.flags for value in measured(h, y, 0.5))


def test_a_constant_layer_says_nothing() -> None:
    for value in measured(torch.ones(100, 2), torch.arange(100) % 2, 1.0):
        assert value.mi == pytest.approx(0.0, abs=1e-9)
        assert "constant" in value.flags
