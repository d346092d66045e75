"""The pairwise measure at the plane's noise and at the fitted one."""

import pytest
import torch

from ibtrain.config import PlaneConfig
from ibtrain.mi.channel.bandwidth import fitted_bandwidth
from ibtrain.mi.channel.pairwise import pairwise_bounds
from ibtrain.mi.result import Estimate
from ibtrain.plane.measures.base import LayerSample, LayerSpec, Values
from ibtrain.plane.measures.pairwise import Pairwise


def measured(h: torch.Tensor, kde_noise: str) -> Values:
    spec = LayerSpec(h.shape[1], torch.zeros(2), 0, PlaneConfig(kde_noise=kde_noise))
    y = torch.arange(len(h)) % 2
    return Pairwise(spec).measure(LayerSample(h, y, h, y, sigma=0.5, seed=0))


@pytest.mark.parametrize("kde_noise", ["plane", "fitted"])
def test_the_noise_is_the_chosen_one(kde_noise: str) -> None:
    h = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    values = measured(h, kde_noise)
    sigma = fitted_bandwidth(h)[0] if kde_noise == "fitted" else 0.5
    upper = values["mi_xt_upper"]
    assert isinstance(upper, Estimate)
    assert upper.mi == pytest.approx(pairwise_bounds(h, sigma).upper.mi_xt.mi, abs=1e-6)
    assert values.get("kde_sigma", 0.5) == sigma
    assert not upper.flags


def test_a_bandwidth_at_the_end_of_the_search_is_flagged() -> None:
    h = torch.randn(30, 3, generator=torch.Generator().manual_seed(0)).repeat(2, 1)
    upper = measured(h, "fitted")["mi_xt_upper"]
    assert isinstance(upper, Estimate)
    assert "bandwidth_limit" in upper.flags
