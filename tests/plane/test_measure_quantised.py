"""The quantised measure on a layer, and where it says nothing."""

import math
from collections import Counter

import pytest
import torch

from ibtrain.config import PlaneConfig
from ibtrain.errors import ConfigError
from ibtrain.mi.result import Estimate
from ibtrain.plane.measures.base import LayerSample, LayerSpec, Values
from ibtrain.plane.measures.quantised import Quantised


def measured(h: torch.Tensor, y: torch.Tensor, bits: int) -> Values:
    spec = LayerSpec(h.shape[1], torch.zeros(2), 0, PlaneConfig(quantise_bits=bits))
    return Quantised(spec).measure(LayerSample(h, y, h, y, sigma=0.5, seed=0))


def test_it_is_the_plug_in_of_the_rounded_layer() -> None:
    h = torch.randn(300, 2, generator=torch.Generator().manual_seed(0))
    y = (h[:, 0] > 0.2).long()
    low, high = h.min().item(), h.max().item()
    rows = [tuple(round(3 * (v - low) / (high - low)) for v in row) for row in h.tolist()]

    def entropy(symbols: list[object]) -> float:
        return -sum(k / 300 * math.log2(k / 300) for k in Counter(symbols).values())

    values = measured(h, y, 2)
    xt, ty = values["mi_xt_quantised"], values["mi_ty_quantised"]
    assert isinstance(xt, Estimate)
    assert isinstance(ty, Estimate)
    joint = entropy(list(zip(rows, y.tolist(), strict=True)))
    assert xt.to_unit("bits").mi == pytest.approx(entropy([*rows]), abs=1e-9)
    information = entropy([*rows]) + entropy(y.tolist()) - joint
    assert ty.to_unit("bits").mi == pytest.approx(information, abs=1e-9)
    assert values["distinct_levels"] == len(set(rows))
    assert xt.method == "quantised"


def test_a_wide_layer_is_saturated_and_flagged() -> None:
    h = torch.randn(200, 30, generator=torch.Generator().manual_seed(0))
    values = measured(h, torch.arange(200) % 2, 8)
    xt, ty = values["mi_xt_quantised"], values["mi_ty_quantised"]
    assert isinstance(xt, Estimate)
    assert isinstance(ty, Estimate)
    assert "above_ceiling" in xt.flags
    assert "above_label_entropy" in ty.flags


def test_no_bits_are_refused() -> None:
    with pytest.raises(ConfigError, match="plane quantise_bits: got 0"):
        PlaneConfig(quantise_bits=0)
