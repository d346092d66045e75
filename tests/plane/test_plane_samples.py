"""The samples on which a plane is measured."""

import pytest
import torch
from toys import gaussian_classes

from ibtrain import EndToEndTrainer, InformationPlane, OptimConfig, PlaneConfig, mlp
from ibtrain.errors import ConfigError
from ibtrain.mi.channel.exact import channel_mi
from ibtrain.plane.samples import draw_index, measured_labels, measured_samples


def test_samples_sorted_by_class_are_drawn_from_all_classes() -> None:
    y = torch.arange(1000) // 100
    drawn = y[draw_index(1000, 200)]
    assert len(drawn) == 200
    assert torch.bincount(drawn, minlength=10).min() >= 8
    assert torch.equal(drawn, y[draw_index(1000, 200)])


@pytest.mark.parametrize(
    ("on", "count", "expected"),
    [
        ("test", 1000, {"test": 160}),
        ("test", 30, {"test": 30}),
        ("train", 1000, {"train": 256}),
        ("all", 1000, {"train": 256, "test": 160, "validation": 64}),
    ],
)
def test_they_are_those_of_the_splits(on: str, count: int, expected: dict[str, int]) -> None:
    data = gaussian_classes(480).hold_out(0.2, seed=0)
    config = PlaneConfig(on=on, samples=count)
    index = measured_samples(data, config)
    assert {split: len(rows.unique()) for split, rows in index.items()} == expected
    labels = torch.cat([data.splits[split].y[rows] for split, rows in index.items()])
    assert torch.equal(measured_labels(data, index), labels)


def test_a_part_of_all_samples_has_some_of_each_split() -> None:
    data = gaussian_classes(480).hold_out(0.2, seed=0)
    index = measured_samples(data, PlaneConfig(on="all", samples=240))
    assert sum(map(len, index.values())) == 240
    # half of each, within three standard deviations
    for split, rows in index.items():
        assert (
            abs(len(rows.unique()) - len(data.splits[split]) / 2)
            < 1.5 * len(data.splits[split]) ** 0.5
        )


def test_the_values_are_those_of_all_samples() -> None:
    data = gaussian_classes(300)
    config = PlaneConfig(measures=("channel",), on="all", points=1)
    plane = InformationPlane(data, 0.5, config=config)
    model = mlp(6, [4], 3)
    EndToEndTrainer(model, OptimConfig(epochs=1), callbacks=[plane]).fit(data)
    x, y = (torch.cat([getattr(s, name) for s in (data.train, data.test)]) for name in "xy")
    estimate = plane.points[0].estimates["mi_ty_channel"]
    expected = channel_mi(model.eval().hidden1(x).detach(), 0.5, y).mi_ty
    assert expected is not None
    assert estimate.n_test == 300
    assert estimate.mi == pytest.approx(expected.mi, abs=4 * (estimate.stderr + expected.stderr))


@pytest.mark.parametrize("on", ["train", "all"])
def test_critics_are_not_measured_on_the_samples_that_they_are_fitted_to(on: str) -> None:
    with pytest.raises(ConfigError, match=f"mine, probe on {on} samples, to which they are fitted"):
        InformationPlane(gaussian_classes(), config=PlaneConfig(on=on))
