"""The binned measure against its own formula on a layer, in a run, and where it says nothing."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import run
from torch import nn

from ibtrain.config import PlaneConfig
from ibtrain.errors import ConfigError
from ibtrain.mi.classical.discretised import (
    bin_activations,
    bin_as_idnns,
    bin_by_size,
    binned_layer,
)
from ibtrain.mi.result import Estimate
from ibtrain.plane.measures.base import LayerSample, LayerSpec
from ibtrain.plane.measures.binned import Binned, activation_range, bin_as_configured


def sample(h: torch.Tensor, y: torch.Tensor) -> LayerSample:
    return LayerSample(h, y, h, y, sigma=0.5, seed=0)


def test_it_bins_the_held_out_activations() -> None:
    generator = torch.Generator().manual_seed(0)
    h = torch.tanh(torch.randn(200, 3, generator=generator))
    y = (h[:, 0] > 0).long()
    config = PlaneConfig(num_bins=4, bin_range=(-1.0, 1.0))
    values = Binned(LayerSpec(3, torch.zeros(2), 0, config)).measure(sample(h, y))
    expected = binned_layer(bin_activations(h.numpy(), 4, -1.0, 1.0), y.numpy())
    entropy, label = values["mi_xt_binned"], values["mi_ty_binned"]
    assert isinstance(entropy, Estimate)
    assert isinstance(label, Estimate)
    assert (entropy.mi, label.mi) == (expected.entropy.mi, expected.label.mi)
    assert values["distinct_t"] == expected.distinct
    # the sign of a unit is known from its bin, and only one of the three units has the label's sign
    assert label.mi == pytest.approx(math.log(2), abs=0.01)
    low, mean, high = (values[f"mi_ty_unit{end}"] for end in ("_min", "", "_max"))
    assert isinstance(low, Estimate)
    assert isinstance(mean, Estimate)
    assert isinstance(high, Estimate)
    assert high.mi == pytest.approx(math.log(2), abs=0.01)
    assert low.mi < 0.05 < mean.mi < high.mi


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"bin_size": 0.2}, lambda h: bin_by_size(h, 0.2)),
        ({"bin_rule": "idnns"}, lambda h: bin_as_idnns(h, 30)),
        ({"bin_rule": "idnns", "bin_range": (0.0, 1.0)}, lambda h: bin_as_idnns(h, 30, 0.0, 1.0)),
        ({"num_bins": 5}, lambda h: bin_activations(h, 5)),
    ],
)
def test_the_settings_choose_the_bins(settings: dict[str, Any], expected: Any) -> None:
    h = torch.tanh(3 * torch.randn(50, 2, generator=torch.Generator().manual_seed(0))).numpy()
    bins = bin_as_configured(h, PlaneConfig(**settings))
    assert bins.tolist() == expected(h).tolist()


def test_a_run_is_measured_by_bins_alone(tmp_path: Path) -> None:
    options = "--epochs 2 --seeds 0 --hidden 4,3 --activation tanh --measures binned --num-bins 8"
    folder = tmp_path / "run"
    done = run("compare", *options.split(), "--bin-range", "-1,1", "--run-dir", folder)
    assert done.exit_code == 0, done.stderr
    assert "H(T) binned" in done.stdout
    assert "distinct T" in done.stdout
    assert "H(T_j)" not in done.stdout
    assert "mi_xt_unit" not in done.stdout
    points = [
        event["point"]
        for event in map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
        if event["event"] == "plane"
    ]
    assert points
    assert all("mi_xt_binned" in point and "mi_xt" not in point for point in points)
    assert (folder / "plane.png").stat().st_size > 10_000
    # a narrower layer has fewer cells than a wider one
    first, second = (
        max(p["distinct_t"] for p in points if p["layer"] == layer)
        for layer in ("hidden1", "hidden2")
    )
    assert first > second


@pytest.mark.parametrize("ends", [(1.0,), (1.0, -1.0), (0.0, 0.0), (0.0, 1.0, 2.0)])
def test_a_range_that_is_none_is_refused(ends: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="expected the lower and the upper end"):
        PlaneConfig(bin_range=ends)


@pytest.mark.parametrize("settings", [{"bin_range": (-1.0, 1.0)}, {"bin_rule": "idnns"}])
def test_a_size_of_bins_goes_with_no_other_rule(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"bin_size: got 0\.5 and another range or rule"):
        PlaneConfig(bin_size=0.5, **settings)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.Tanh(), (-1.0, 1.0)),
        (nn.Sequential(nn.Flatten(), nn.Linear(2, 2), nn.Sigmoid(), nn.Dropout(0.5)), (0.0, 1.0)),
        (nn.Sequential(nn.Tanh(), nn.Linear(2, 2)), ()),
        (nn.ReLU(), ()),
    ],
)
def test_a_bounded_activation_has_a_range(layer: nn.Module, expected: tuple[float, ...]) -> None:
    assert activation_range(layer) == expected


def test_the_range_of_the_activation_is_that_of_the_bins() -> None:
    h = torch.tanh(torch.randn(50, 2, generator=torch.Generator().manual_seed(0)) / 10)
    y = torch.arange(50) % 2
    layer = LayerSample(h, y, h, y, sigma=0.5, seed=0, module=nn.Tanh())
    values = [
        Binned(LayerSpec(2, torch.zeros(2), 0, PlaneConfig(num_bins=8, **settings))).measure(layer)[
            "mi_xt_binned"
        ]
        for settings in ({"bin_rule": "activation"}, {"bin_range": (-1.0, 1.0)}, {})
    ]
    entropies = [value.mi for value in values if isinstance(value, Estimate)]
    assert entropies[0] == entropies[1] < entropies[2]


def test_a_range_and_the_rule_activation_are_refused() -> None:
    with pytest.raises(ConfigError, match="a range, and the rule activation, expected one of them"):
        PlaneConfig(bin_rule="activation", bin_range=(0.0, 1.0))
