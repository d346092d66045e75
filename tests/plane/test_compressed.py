"""The values of principal components: lower bounds, tight where nothing is lost."""

import math

import pytest
import torch

from ibtrain.config import PlaneConfig
from ibtrain.errors import ConfigError
from ibtrain.mi.channel.exact import channel_mi
from ibtrain.mi.result import Estimate
from ibtrain.plane.measures.base import LayerSample, LayerSpec, Values
from ibtrain.plane.measures.compressed import Compressed


def sample(dim: int, rank: int, sigma: float = 0.5) -> LayerSample:
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(400) % 3
    low = torch.randn(400, rank, generator=generator) + y.unsqueeze(1)
    directions = torch.linalg.qr(torch.randn(dim, rank, generator=generator)).Q
    h = low @ directions.T
    return LayerSample(h, y, h, y, sigma, seed=0)


def measured(layer: LayerSample, components: int) -> Values:
    config = PlaneConfig(components=components)
    return Compressed(LayerSpec(layer.h_test.shape[1], torch.zeros(3), 0, config)).measure(layer)


def test_components_that_keep_the_layer_have_its_information() -> None:
    layer = sample(20, 2)
    values = measured(layer, 2)
    exact = channel_mi(layer.h_test, layer.sigma, layer.y_test, seed=9)
    assert exact.mi_ty is not None
    for name, expected in (("mi_xt_compressed", exact.mi_xt), ("mi_ty_compressed", exact.mi_ty)):
        value = values[name]
        assert isinstance(value, Estimate)
        error = math.hypot(value.stderr, expected.stderr)
        assert value.mi == pytest.approx(expected.mi, abs=4 * error)
    assert values["variance_share"] == pytest.approx(1.0, abs=1e-5)


def test_fewer_components_have_less_information() -> None:
    layer = sample(20, 6)
    xt = [measured(layer, count)["mi_xt_compressed"] for count in (1, 2, 4, 6)]
    values = [value.mi for value in xt if isinstance(value, Estimate)]
    assert values == sorted(values)
    assert values[0] < 0.6 * values[-1]


def test_no_component_is_refused() -> None:
    with pytest.raises(ConfigError, match="plane components: got 0"):
        PlaneConfig(components=0)
