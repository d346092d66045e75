"""Gaussian dropout as a measure of a layer."""

import pytest
import torch

from ibtrain.backend.seeding import derive_seed
from ibtrain.config import PlaneConfig
from ibtrain.errors import ConfigError
from ibtrain.mi.channel.dropout import dropout_mi
from ibtrain.plane.measures.base import LayerSample, LayerSpec
from ibtrain.plane.measures.dropout import Dropout


def test_it_has_the_noise_of_the_settings_and_skips_absent_classes() -> None:
    h = torch.randn(60, 3, generator=torch.Generator().manual_seed(0)).sigmoid()
    y = torch.arange(60) % 2 * 2
    spec = LayerSpec(3, torch.zeros(3), 0, PlaneConfig(dropout_alpha=0.4))
    values = Dropout(spec).measure(LayerSample(h, y, h, y, sigma=0.5, seed=7))
    expected = dropout_mi(h, 0.4, y // 2, seed=derive_seed(7, "dropout"))
    assert expected.mi_ty is not None
    values_of = {"mi_xt_dropout": expected.mi_xt.mi, "mi_ty_dropout": expected.mi_ty.mi}
    assert {name: getattr(value, "mi", None) for name, value in values.items()} == values_of


def test_no_noise_is_refused() -> None:
    with pytest.raises(ConfigError, match="plane dropout_alpha: got 0"):
        PlaneConfig(dropout_alpha=0.0)
