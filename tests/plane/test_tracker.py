"""The information plane's callback."""

import json
import math
from dataclasses import replace

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from ibtrain.backend.seeding import derive_seed, seeded
from ibtrain.config import OptimConfig, PlaneConfig
from ibtrain.data.dataset import Dataset, Split
from ibtrain.errors import ConfigError, NonFiniteError
from ibtrain.mi.result import Estimate
from ibtrain.models.mlp import mlp
from ibtrain.plane.measures import LayerSample
from ibtrain.plane.measures.mine import LayerCritics, lags_behind
from ibtrain.plane.measures.probe import LinearProbe
from ibtrain.plane.point import PlanePoint
from ibtrain.plane.schedule import log_spaced_epochs
from ibtrain.plane.tracker import InformationPlane
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.layerwise import LayerwiseTrainer

OPTIM = OptimConfig(learning_rate=1e-2, batch_size=32, epochs=10)
SMALL = PlaneConfig(points=4, samples=150, critic_steps=15, batch_size=64)


def network(data: Dataset) -> nn.Sequential:
    with seeded(0, "test"):
        return mlp(data.dim_x, (16, 8), data.num_classes)


@pytest.mark.slow
def test_every_layer_of_both_methods_is_measured_from_start_to_end(toy: Dataset) -> None:
    plane = InformationPlane(toy, 0.5, config=SMALL)
    LayerwiseTrainer(network(toy), None, OPTIM, callbacks=[plane]).fit(toy)
    EndToEndTrainer(network(toy), OPTIM, callbacks=[plane]).fit(toy)
    epochs = log_spaced_epochs(10, 4)
    for method in ("layerwise", "end_to_end"):
        for layer in ("hidden1", "hidden2", "output"):
            found = [p.epoch for p in plane.points if (p.method, p.layer) == (method, layer)]
            assert found == epochs
    last = plane.points[-1]
    assert last.estimates["mi_xt"].ceiling == pytest.approx(math.log(150))
    assert (last.estimates["mi_xt"].n_train, last.estimates["mi_xt"].n_test) == (360, 150)


def test_training_moves_a_layer_towards_the_label(toy: Dataset) -> None:
    plane = InformationPlane(toy, 1.0, config=SMALL)
    LayerwiseTrainer(network(toy), None, OPTIM, callbacks=[plane]).fit(toy)
    first, *_, last = (point for point in plane.points if point.layer == "hidden1")
    assert last.estimates["mi_ty"].mi > first.estimates["mi_ty"].mi + 3 * (
        first.estimates["mi_ty"].stderr + last.estimates["mi_ty"].stderr
    )
    assert last.scalars["probe_accuracy"] > 0.9


@pytest.mark.slow
def test_watching_does_not_change_what_is_watched(toy: Dataset) -> None:
    plane = InformationPlane(toy, 0.5, config=SMALL)
    watched = LayerwiseTrainer(network(toy), None, OPTIM, callbacks=[plane]).fit(toy)
    alone = LayerwiseTrainer(network(toy), None, OPTIM).fit(toy)
    assert watched.history == alone.history
    assert plane.points


@pytest.mark.slow
def test_the_plane_is_the_same_twice(toy: Dataset) -> None:
    values = []
    for _ in range(2):
        plane = InformationPlane(toy, 0.5, config=SMALL)
        EndToEndTrainer(network(toy), OPTIM, callbacks=[plane]).fit(toy)
        values.append(
            [
                (p.estimates["mi_xt"].mi, p.estimates["mi_ty"].mi, p.estimates["mi_xt_channel"].mi)
                for p in plane.points
            ]
        )
    assert values[0] == values[1]
    assert len(values[0]) == 12


@pytest.mark.slow
def test_fresh_critics_audit_now_and_then_and_at_the_end(toy: Dataset) -> None:
    plane = InformationPlane(toy, 0.5, config=replace(SMALL, audit_every=2))
    EndToEndTrainer(network(toy), OPTIM, callbacks=[plane]).fit(toy)
    audited = ["mi_xt_audit" in p.estimates for p in plane.points if p.layer == "hidden1"]
    assert audited == [False, False, True, True]
    audits = {name for name in plane.points[-1].estimates if name.endswith("_audit")}
    assert audits == {"mi_xt_audit", "mi_ty_audit", "mi_hy_audit"}
    always = InformationPlane(toy, 0.5, config=replace(SMALL, audit_every=1))
    EndToEndTrainer(network(toy), OPTIM, callbacks=[always]).fit(toy)
    audited = ["mi_xt_audit" in p.estimates for p in always.points if p.layer == "hidden1"]
    assert audited == [False, True, True, True]
    never = InformationPlane(toy, 0.5, config=replace(SMALL, audit_every=0))
    EndToEndTrainer(network(toy), OPTIM, callbacks=[never]).fit(toy)
    assert not any("mi_xt_audit" in point.estimates for point in never.points)


def test_a_critic_that_is_behind_is_flagged_and_replaced(toy: Dataset) -> None:
    """One step a point: a tracked critic has had few, and the fresh one is given many."""
    plane = InformationPlane(toy, 0.5, config=replace(SMALL, audit_every=3))
    trainer = EndToEndTrainer(network(toy), OPTIM, callbacks=[plane])
    slow, quick = replace(SMALL, critic_steps=1), replace(SMALL, critic_steps=100)

    class Quick(LayerCritics):
        def fit(self, h: Tensor, labels: Tensor, sigma: float, config: PlaneConfig) -> None:
            was_audit = self.seed not in seeds
            super().fit(h, labels, sigma, quick if was_audit else slow)

    seeds = {derive_seed(0, "end_to_end", layer) for layer in ("hidden1", "hidden2", "output")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ibtrain.plane.measures.mine.LayerCritics", Quick)
        trainer.fit(toy)
    points = [point for point in plane.points if point.layer == "hidden1"]
    end = points[-1]
    assert "lagging" in end.estimates["mi_ty"].flags
    assert end.estimates["mi_ty_audit"].mi > end.estimates["mi_ty"].mi + 0.2
    assert "lagging" not in points[0].estimates["mi_ty"].flags
    assert plane._measures["end_to_end", 0, "hidden1"]["mine"].critics.seed not in seeds


@pytest.mark.parametrize(
    ("tracked", "fresh", "stderr", "expected"),
    [
        (1.0, 1.2, 0.01, True),
        (1.0, 1.04, 0.001, False),
        (1.0, 1.2, 0.06, False),
        (1.2, 1.0, 0.01, False),
        (0.0, 0.02, 0.001, True),
    ],
)
def test_behind_is_more_than_chance_and_a_share(
    tracked: float, fresh: float, stderr: float, expected: bool
) -> None:
    values = (Estimate(mi, stderr, "mine", 2.0) for mi in (tracked, fresh))
    assert lags_behind(*values) is expected


def test_no_noise_is_refused(toy: Dataset) -> None:
    with pytest.raises(ConfigError, match="infinite or constant"):
        InformationPlane(toy, 0.0)


def test_a_point_survives_json(toy: Dataset) -> None:
    plane = InformationPlane(toy, 0.5, config=SMALL)
    EndToEndTrainer(network(toy), OPTIM, callbacks=[plane]).fit(toy)
    for point in plane.points:
        assert PlanePoint.from_dict(json.loads(json.dumps(point.to_dict()))) == point


def test_a_probe_reads_what_is_linearly_there(toy: Dataset) -> None:
    train, test = toy.train, toy.test
    reference = LogisticRegression(C=1 / (1e-3 * len(train)), max_iter=1000, tol=1e-8)
    mean, std = train.x.mean(0), train.x.std(0, correction=0)
    reference.fit((train.x - mean) / std, train.y)
    expected = reference.score((test.x - mean) / std, test.y)
    probe = LinearProbe(train.x.shape[1], 3, torch.device("cpu"))
    probe.fit(train.x, train.y)
    # the same optimum: a sample near the boundary may fall either way
    assert probe.accuracy(test.x, test.y) == pytest.approx(expected, abs=1.5 / len(test))
    noise = torch.randn(train.x.shape, generator=torch.Generator().manual_seed(0))
    probe.fit(noise, train.y)
    assert probe.accuracy(noise[: len(test)], test.y) < 0.5


def test_a_probe_that_goes_on_ends_where_a_new_one_does(toy: Dataset) -> None:
    x, y = toy.train.x, toy.train.y
    going_on, new = (LinearProbe(x.shape[1], 3, torch.device("cpu")) for _ in range(2))
    going_on.fit(x.flip(1) + 1, y)
    going_on.fit(x, y)
    new.fit(x, y)
    accuracies = [probe.accuracy(toy.test.x, toy.test.y) for probe in (going_on, new)]
    assert accuracies[0] == pytest.approx(accuracies[1], abs=1.5 / len(toy.test))


def test_a_constant_layer_is_measured_and_carries_nothing(toy: Dataset) -> None:
    model = network(toy)
    with torch.no_grad():
        model[0][1].weight.zero_()
        model[0][1].bias.fill_(-1.0)
    plane = InformationPlane(toy, 0.5, "relative", SMALL)
    EndToEndTrainer(model, OptimConfig(learning_rate=1e-9, epochs=1), callbacks=[plane]).fit(toy)
    assert plane.points[0].scalars["activation_scale"] < 1e-5
    assert abs(plane.points[0].estimates["mi_ty_channel"].mi) < 1e-3


def test_everything_that_follows_a_layer_is_in_the_state(toy: Dataset) -> None:
    plane = InformationPlane(toy, 0.5, config=SMALL)
    EndToEndTrainer(network(toy), OPTIM, callbacks=[plane]).fit(toy)
    other = InformationPlane(toy, 0.5, config=SMALL)
    other.load_state_dict(plane.state_dict())
    measures, others = (own._measures["end_to_end", 0, "hidden1"] for own in (plane, other))
    h = torch.randn(200, measures["mine"].spec.dim, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(200) % toy.num_classes
    sample = LayerSample(h[:100], labels[:100], h[100:], labels[100:], 0.5, 0)
    for name, measure in measures.items():
        found, expected = others[name].measure(sample), measure.measure(sample)
        assert found.keys() == expected.keys()
        for value, wanted in zip(found.values(), expected.values(), strict=True):
            is_number = isinstance(wanted, float)
            assert value == wanted if is_number else value.mi == wanted.mi  # type: ignore[union-attr]
    assert other.points == plane.points


@pytest.mark.parametrize("noise_std", [1e-300, 1e300, float("nan")])
def test_noise_that_float32_can_not_hold_is_refused(toy: Dataset, noise_std: float) -> None:
    with pytest.raises(ConfigError, match="plane noise_std: got"):
        InformationPlane(toy, noise_std)


def test_a_class_without_a_test_sample_is_measured(toy: Dataset) -> None:
    first = toy.test.y > 0
    data = replace(toy, test=Split(toy.test.x[first], toy.test.y[first]))
    plane = InformationPlane(data, 0.5, config=SMALL)
    EndToEndTrainer(network(toy), OPTIM, callbacks=[plane]).fit(data)
    # the two classes that are left have almost one bit between them
    assert 0.5 < plane.points[-1].estimates["mi_ty_channel"].mi < math.log(2)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1e300])
def test_a_value_that_is_not_finite_is_named(
    toy: Dataset, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LinearProbe, "accuracy", lambda *_: value)
    points: list[PlanePoint] = []
    plane = InformationPlane(toy, 0.5, config=SMALL, on_point=points.append)
    where = r"end_to_end, hidden1, epoch 0, seed 0: probe_accuracy became .* on the plane"
    with pytest.raises(NonFiniteError, match=where):
        EndToEndTrainer(network(toy), OPTIM, callbacks=[plane]).fit(toy)
    assert points == []


def test_every_number_of_a_point_is_checked(toy: Dataset) -> None:
    plane = InformationPlane(toy, 0.5, config=SMALL)
    EndToEndTrainer(network(toy), OPTIM, callbacks=[plane]).fit(toy)
    point = plane.points[-1]

    def numbers(document: object) -> list[float]:
        if isinstance(document, dict):
            skipped = ("ceiling", "seconds", "n_train", "n_test", "epoch", "seed")
            return [n for key, v in document.items() if key not in skipped for n in numbers(v)]
        return [document] if isinstance(document, float) else []

    assert sorted(value for _, value in point.values()) == sorted(numbers(point.to_dict()))


@pytest.mark.parametrize("is_wide", [False, True])
def test_a_layer_is_not_made_as_wide_as_a_file_says(toy: Dataset, is_wide: bool) -> None:
    """Its critics alone would take gigabytes."""
    plane = InformationPlane(toy, 0.5, config=SMALL)
    EndToEndTrainer(mlp(6, (5,), 3), OptimConfig(epochs=1), callbacks=[plane]).fit(toy)
    state = plane.state_dict()
    entry = state["layers"][0]
    entry["dim"] = 3_000_000
    message = "critics of [0-9]+ numbers for 3000000 units"
    if is_wide:
        # no memory is taken: every number is the same
        entry["measures"]["mine"]["wide"] = torch.zeros(1).expand(64, 3_000_000)
        message = "a probe of another width than 3000000"
    with pytest.raises(ValueError, match=message):
        InformationPlane(toy, 0.5, config=SMALL).load_state_dict(state)
