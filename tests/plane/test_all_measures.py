"""Every registered measure on layers of all kinds, in nats and bits."""

import math

import pytest
import torch
from torch import Tensor, nn

from ibtrain import InformationPlane, PlaneConfig
from ibtrain.config import MEASURES
from ibtrain.plane.measures import measure_class


class Scaled(nn.Module):
    """A layer without a weight matrix, which is constant where its factor is 0."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


@pytest.fixture(scope="module")
def samples() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(0, 3, (120,), generator=generator)
    return torch.randn(120, 6, generator=generator) + y.unsqueeze(1), y


@pytest.mark.parametrize("name", MEASURES)
def test_it_measures_layers_of_all_kinds(name: str, samples: tuple[Tensor, Tensor]) -> None:
    """Also a constant one, a huge and a tiny one, one unit, and more units than samples."""
    torch.manual_seed(0)
    layers = [nn.Linear(6, 130), nn.ReLU(), nn.Linear(130, 1), nn.Tanh(), Scaled(0.0)]
    model = nn.Sequential(*layers, Scaled(1e6), Scaled(1e-12), nn.Linear(1, 3))
    values = {}
    for unit in ("nats", "bits"):
        config = PlaneConfig(critic_steps=2, unit=unit)
        plane = InformationPlane.watch(
            model, samples, [str(index) for index in range(8)], [name], train=samples, config=config
        )
        values[unit] = plane.measure(0)
    quantities = {quantity.name for quantity in measure_class(name).quantities}
    for nats, bits in zip(values["nats"], values["bits"], strict=True):
        assert {*nats.scalars, *nats.estimates} <= quantities | {"sigma", "activation_scale"}
        for key, estimate in nats.estimates.items():
            assert math.isfinite(estimate.mi)
            assert estimate.mi == pytest.approx(math.log(2) * bits.estimates[key].mi, abs=1e-6)
            assert estimate.unit == "nats"


def test_every_measure_says_when_it_is_valid() -> None:
    for name in MEASURES:
        assert "Valid " in (measure_class(name).__doc__ or ""), name
