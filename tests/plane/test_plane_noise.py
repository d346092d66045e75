"""The noise of a plane, and the unit of its values."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from toys import gaussian_classes

from ibtrain import (
    EndToEndTrainer,
    InformationPlane,
    LayerwiseTrainer,
    OptimConfig,
    PlaneConfig,
    load_dataset,
    mlp,
)
from ibtrain.plane.point import PlanePoint


def last_points(config: PlaneConfig) -> tuple[list[PlanePoint], list[torch.Tensor]]:
    """The points of a trained network, and its layers' outputs on the training samples."""
    data = gaussian_classes()
    plane = InformationPlane(data, config=config)
    torch.manual_seed(0)
    model = mlp(6, [12, 4], 3)
    EndToEndTrainer(model, OptimConfig(epochs=1), callbacks=[plane]).fit(data)
    outputs, h = [], data.train.x
    for block in model.eval():
        h = block(h).detach()
        outputs.append(h)
    return plane.points, outputs


def channel_config(**settings: object) -> PlaneConfig:
    return PlaneConfig(measures=("channel",), samples=100, points=1, **settings)  # type: ignore[arg-type]


def test_by_default_it_is_a_share_of_each_layers_radius() -> None:
    points, outputs = last_points(channel_config())
    for point, h in zip(points, outputs, strict=True):
        radius = (h - h.mean(0)).square().sum(1).mean().sqrt().item()
        assert point.scalars["sigma"] == pytest.approx(0.16 * radius, rel=1e-4)


@pytest.mark.parametrize("noise_scale", ["absolute", "relative", "radius"])
def test_each_layer_can_have_a_noise_of_its_own(noise_scale: str) -> None:
    config = channel_config(noise_std=(0.3, 0.2, 0.1), noise_scale=noise_scale)
    points, outputs = last_points(config)
    for noise_std, point, h in zip(config.noise_std, points, outputs, strict=True):
        spread = h.var(0, correction=0).mean().sqrt().item()
        unit = {"absolute": 1.0, "relative": spread, "radius": spread * math.sqrt(h.shape[1])}
        assert point.scalars["sigma"] == pytest.approx(noise_std * unit[noise_scale], rel=1e-4)


def test_bits_are_nats_divided_by_ln_2() -> None:
    nats, bits = (last_points(channel_config(unit=unit))[0] for unit in ("nats", "bits"))
    for first, second in zip(nats, bits, strict=True):
        for name, estimate in first.estimates.items():
            converted = second.estimates[name]
            assert (estimate.unit, converted.unit) == ("nats", "bits")
            for field in ("mi", "stderr", "ceiling"):
                value = getattr(estimate, field) / math.log(2)
                assert getattr(converted, field) == pytest.approx(value)
            assert converted.flags == estimate.flags


def near_ln_n(
    dataset: str, data_root: Path | None, hidden: list[int], epochs: int, **settings: Any
) -> float:
    """The share of exact points of both methods within 3 % of ln N."""
    data = load_dataset(dataset, data_root)
    config = PlaneConfig(measures=("channel",), **{"points": 3, **settings})
    plane = InformationPlane(data, config=config)
    optim = OptimConfig(epochs=epochs)
    for trainer in (LayerwiseTrainer, EndToEndTrainer):
        torch.manual_seed(0)
        model = mlp(data.dim_x, hidden, data.num_classes)
        trainer(model, optim=optim, callbacks=[plane]).fit(data)
    estimates = [point.estimates["mi_xt_channel"] for point in plane.points]
    return sum(e.mi > 0.97 * e.ceiling for e in estimates) / len(estimates)


@pytest.mark.parametrize(("dataset", "hidden"), [("digits", [100, 40]), ("szt", [10, 7, 5, 4, 3])])
def test_by_default_planes_are_not_at_ln_n(dataset: str, hidden: list[int]) -> None:
    assert near_ln_n(dataset, None, hidden, 2) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["mnist", "fashion-mnist"])
def test_by_default_planes_of_real_images_are_not_at_ln_n(dataset: str, data_root: Path) -> None:
    assert near_ln_n(dataset, data_root, [500, 256], 2) <= 0.2


def test_with_little_noise_most_points_are_at_ln_n() -> None:
    assert near_ln_n("digits", None, [100, 40], 2, noise_std=(0.02,)) > 0.9
