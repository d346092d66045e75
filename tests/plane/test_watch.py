"""The plane of any module in a loop of its own: what is measured, and that nothing else changes."""

import warnings
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from toys import gaussian_classes

from ibtrain import InformationPlane, PlaneConfig, measure
from ibtrain.backend.seeding import derive_seed
from ibtrain.config import MEASURES
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ConfigError, DataError, IBTrainWarning, ModelError
from ibtrain.mi.channel.exact import channel_mi
from ibtrain.plane.measures import LayerSample, Measure, Quantity, Values

Samples = tuple[Tensor, Tensor]


@pytest.fixture
def samples() -> Samples:
    test = gaussian_classes().test
    return test.x, test.y


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = {
        "fc1": nn.Linear(6, 12),
        "norm": nn.BatchNorm1d(12),
        "act": nn.ReLU(inplace=True),
        "drop": nn.Dropout(0.5),
        "fc2": nn.Linear(12, 3),
    }
    return nn.Sequential(OrderedDict(layers))


class Mean(Measure):
    """The mean activation."""

    quantities = (Quantity("mean", "mean", ""),)

    def measure(self, layer: LayerSample) -> Values:
        return {"mean": layer.h_test.mean().item()}


class Residual(nn.Module):
    """No chain of blocks: one activation serves two layers, and one layer is applied twice."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(6, 8)
        self.twice = nn.Linear(8, 8)
        self.head = nn.Linear(8, 3)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.act(self.stem(x))
        h = h + self.act(self.twice(self.twice(h)))
        return self.head(h)


def test_the_values_are_those_of_the_layers_outputs(samples: Samples) -> None:
    model = network().eval()
    plane = InformationPlane.watch(
        model,
        samples,
        layers=["fc1", "act"],
        measures=["channel"],
        noise_std=0.7,
        noise_scale="absolute",
    )
    before, after = plane.measure(epoch=3)
    x, y = samples
    with torch.no_grad():
        expected = channel_mi(model.fc1(x), 0.7, y)
        activated = model.act(model.norm(model.fc1(x)))
    spread = 4 * expected.mi_xt.stderr
    assert before.estimates["mi_xt_channel"].mi == pytest.approx(expected.mi_xt.mi, abs=spread)
    assert after.estimates["mi_xt_channel"].mi == pytest.approx(
        channel_mi(activated, 0.7, y).mi_xt.mi, abs=spread
    )
    assert [(p.layer, p.epoch, p.scalars["sigma"]) for p in (before, after)] == [
        ("fc1", 3, 0.7), ("act", 3, 0.7)
    ]  # fmt: skip


def test_a_module_that_works_in_place_does_not_change_what_was_measured(samples: Samples) -> None:
    plane = InformationPlane.watch(network(), samples, layers=["norm", "act"], measures=["binned"])
    plain = network()
    plain.act = nn.ReLU()
    other = InformationPlane.watch(plain, samples, layers=["norm", "act"], measures=["binned"])
    for one, expected in zip(plane.measure(0), other.measure(0), strict=True):
        assert one.estimates["mi_xt_binned"].mi == expected.estimates["mi_xt_binned"].mi


def test_the_model_its_loop_and_random_numbers_are_left_as_they_were(samples: Samples) -> None:
    def train(watched: bool) -> tuple[list[Tensor], Tensor]:
        model = network().train()
        model.norm.eval()  # a mode of its own
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        plane = InformationPlane.watch(model, samples) if watched else None
        for epoch in range(3):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(samples[0]), samples[1]).backward()
            gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
            if plane:
                plane.measure(epoch)
                assert model.training
                assert not model.norm.training
                assert not any(module._forward_hooks for module in model.modules())
                now = [p.grad for p in model.parameters() if p.grad is not None]
                assert all(torch.equal(a, b) for a, b in zip(gradients, now, strict=True))
            optimizer.step()
        return list(model.state_dict().values()), torch.rand(3)

    (weights, numbers), (watched, numbers_watched) = train(False), train(True)
    assert all(torch.equal(a, b) for a, b in zip(weights, watched, strict=True))
    assert torch.equal(numbers, numbers_watched)


def test_by_default_weights_and_activations_are_measured(samples: Samples) -> None:
    assert list(InformationPlane.watch(network(), samples).layers) == ["fc1", "act", "fc2"]
    layers = InformationPlane.watch(Residual(), samples).layers
    assert list(layers) == ["stem", "act#1", "twice#1", "twice#2", "act#2", "head"]


def test_a_data_set_and_a_loader_are_read_as_tensors_are(samples: Samples) -> None:
    data = gaussian_classes()
    loader = DataLoader(TensorDataset(*samples), batch_size=17)
    planes = [
        InformationPlane.watch(network(), source, measures=["channel"])
        for source in (samples, loader)
    ]
    values = [[p.estimates["mi_xt_channel"].mi for p in plane.measure(0)] for plane in planes]
    assert values[0] == values[1]
    plane = InformationPlane.watch(network(), data, measures=["probe", "channel"])
    assert len(plane.x_train) == len(data.train)
    points = plane.measure(0)
    assert all(0 <= point.scalars["probe_accuracy"] <= 1 for point in points)


def test_critics_continue_from_point_to_point() -> None:
    config = PlaneConfig(critic_steps=5, batch_size=64)
    plane = InformationPlane.watch(
        network(), gaussian_classes(), layers=["fc1"], measures=["mine"], config=config
    )
    for epoch in range(3):
        plane.measure(epoch)
    (critics,) = (measures["mine"].critics for measures in plane._measures.values())
    assert critics.fits == 3
    assert [point.epoch for point in plane.points] == [0, 1, 2]


def test_the_frame_has_a_row_for_each_point(samples: Samples) -> None:
    plane = InformationPlane.watch(network(), samples, layers=["fc1", "fc2"])
    plane.measure(0)
    plane.measure(1)

    frame = plane.to_frame()
    assert frame["layer"].tolist() == ["fc1", "fc2", "fc1", "fc2"]
    assert frame["epoch"].tolist() == [0, 0, 1, 1]
    estimates = [point.estimates["mi_xt_channel"] for point in plane.points]
    assert frame["mi_xt_channel_stderr"].tolist() == [e.stderr for e in estimates]


def test_an_epoch_that_is_no_later_is_warned_of_once(samples: Samples) -> None:
    plane = InformationPlane.watch(network(), samples, layers=["fc1"], measures=["binned"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plane.measure(0)
        plane.measure(5)
    for epoch in (5, 2):
        other = InformationPlane.watch(network(), samples, layers=["fc1"], measures=["binned"])
        other.points = list(plane.points)
        with pytest.warns(
            IBTrainWarning, match=f"epoch {epoch} is measured after epoch 5"
        ) as found:
            other.measure(epoch)
            other.measure(epoch)
        assert len(found) == 1


def test_the_paths_are_drawn(samples: Samples, tmp_path: Path) -> None:
    plane = InformationPlane.watch(network(), samples, layers=["fc1", "fc2"])
    plane.measure(0)
    plane.measure(1)
    ax = plane.plot()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "fc1", "fc2", "epoch 0 to 1", "start of a path", "hollow: at a limit (saturated)"
    ]  # fmt: skip
    (path,) = ax.collections[0].get_segments()
    points = [point for point in plane.points if point.layer == "fc1"]
    expected = [
        [point.estimates[name].mi for name in ("mi_xt_channel", "mi_ty_channel")]
        for point in points
    ]
    assert path.tolist() == expected
    ax.figure.savefig(tmp_path / "plane.png")
    again = plane.plot(ax=Figure().add_subplot(), measure="mi_xt_binned")
    assert "binned" in again.get_title()
    with pytest.raises(ConfigError, match="'nothing', expected one of channel, binned"):
        plane.plot(measure="nothing")


def test_the_default_noise_is_a_share_of_each_layers_radius(samples: Samples) -> None:
    plane = InformationPlane.watch(network(), samples, layers=["fc1"], measures=["channel"])
    (point,) = plane.measure(0)
    with torch.no_grad():
        h = plane.model.fc1(samples[0])
    radius = (h - h.mean(0)).square().sum(1).mean().sqrt().item()
    assert point.scalars["sigma"] == pytest.approx(0.16 * radius, rel=0.01)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"layers": ["fc9"]}, ModelError, "a layer 'fc9', expected one of fc1, norm, act"),
        ({"layers": "fc1"}, ModelError, "the string 'fc1', expected a list of names"),
        ({"layers": []}, ModelError, "no layer, expected at least one module"),
        ({"measures": ["mine"]}, DataError, r"no training samples, expected train=\(x, y\)"),
        ({"noise_scale": "loud"}, ConfigError, "'loud', expected one of absolute, relative, radius"),
        ({"measures": ["nothing"]}, ConfigError, "'nothing', expected one of mine, channel"),
    ],
)  # fmt: skip
def test_mistakes_are_named(
    samples: Samples, change: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        InformationPlane.watch(network(), samples, **change)  # type: ignore[arg-type]


def test_the_measures_may_be_in_the_settings(samples: Samples) -> None:
    config = PlaneConfig(measures=("profile", "channel"))
    plane = InformationPlane.watch(network(), samples, config=config)
    assert plane.config.measures == ("profile", "channel")
    assert InformationPlane.watch(network(), samples).config.measures == ("channel", "binned")
    plane = InformationPlane.watch(network(), samples, config=PlaneConfig(samples=100))
    assert plane.config.measures == ("channel", "binned")


class Sum(nn.Tanh):
    """One number for each sample, without an axis of its own."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum(1)


def test_a_layer_of_one_number_is_a_layer_of_one_unit() -> None:
    x, y = torch.randn(100, 5, generator=torch.Generator().manual_seed(0)), torch.arange(100) % 2
    model = nn.Sequential(nn.Linear(5, 3), Sum())
    (point,) = InformationPlane.watch(model, (x, y), ["1"], ["channel"]).measure(0)
    with torch.no_grad():
        h = model(x)[:, None]
    expected = channel_mi(h, point.scalars["sigma"], y, seed=derive_seed(0, "channel")).mi_xt.mi
    assert point.estimates["mi_xt_channel"].mi == pytest.approx(expected)


def test_samples_of_a_data_set_get_the_type_of_the_model() -> None:
    x, y = torch.randn(100, 5, generator=torch.Generator().manual_seed(0)), torch.arange(100) % 2
    model = nn.Sequential(nn.Linear(5, 3), nn.Tanh()).double()
    plane = InformationPlane.watch(model, Dataset.from_arrays(x, y), measures=["channel"])
    assert all(point.estimates["mi_xt_channel"].mi > 0 for point in plane.measure(0))


def test_samples_that_the_model_cannot_read_are_named(samples: Samples) -> None:
    with pytest.raises(ModelError, match=r"samples of shape \(4,\), expected inputs of the model"):
        InformationPlane.watch(network(), (samples[0][:, :4], samples[1]))


def test_a_module_that_is_called_twice_is_a_layer_at_each_call(samples: Samples) -> None:
    model = Residual()
    plane = InformationPlane.watch(model, samples, layers=["twice"], measures=["channel"])
    assert list(plane.layers) == ["twice#1", "twice#2"]
    plane.measure(0)
    with torch.no_grad():
        first = model.twice(model.act(model.stem(samples[0])))
        outputs = first, model.twice(first)
    for point, h in zip(plane.points, outputs, strict=True):
        sigma = point.scalars["sigma"]
        estimate = point.estimates["mi_xt_channel"]
        assert (
            estimate.mi == channel_mi(h, sigma, samples[1], seed=derive_seed(0, "channel")).mi_xt.mi
        )
    second = InformationPlane.watch(model, samples, layers=["twice#2"], measures=["channel"])
    assert second.measure(0)[0].estimates["mi_xt_channel"].mi == estimate.mi
    with pytest.raises(ModelError, match="a layer 'twice#3' without outputs, expected a module"):
        InformationPlane.watch(model, samples, layers=["twice#3"])


def test_activations_of_few_layers_are_in_memory_at_once(
    samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The values do not change, and the model is run more often."""
    model = network()
    whole = measure(model, samples)
    calls = []
    model.register_forward_hook(lambda *_: calls.append(1))
    plane = InformationPlane.watch(model, samples)
    calls.clear()
    monkeypatch.setattr("ibtrain.plane.watch.MAX_NUMBERS", 20 * len(samples[0]))
    plane.measure(0)
    # 12 + 12 + 3 units, of which at most 20 at once
    assert len(calls) == 2
    for point, expected in zip(plane.points, whole.points, strict=True):
        assert {k: v.mi for k, v in point.estimates.items()} == {
            k: v.mi for k, v in expected.estimates.items()
        }


@pytest.mark.parametrize(
    "data",
    [
        (torch.zeros(5, 6), torch.zeros(5)),
        (torch.zeros(5, 6), torch.zeros(4, dtype=torch.long)),
        DataLoader(torch.zeros(5, 6)),  # type: ignore[arg-type]
        [],
    ],
)
def test_samples_without_classes_are_refused(data: object) -> None:
    with pytest.raises(DataError, match="data: got"):
        InformationPlane.watch(network(), data)  # type: ignore[arg-type]


def test_a_measure_of_ones_own_asks_for_training_samples_unless_it_fits_nothing(
    samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MEASURES, "mean", f"{__name__}:Mean")
    with pytest.raises(DataError, match="no training samples"):
        InformationPlane.watch(network(), samples, measures=["mean"])
    monkeypatch.setattr(Mean, "fits", False)
    plane = InformationPlane.watch(network(), samples, layers=["fc1"], measures=["mean"])
    (point,) = plane.measure(0)
    assert "mean" in point.scalars
