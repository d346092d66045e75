"""Gradients and weights of layers against closed forms and loops, in watched models and in runs."""

import json
import math
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from commands import run
from torch import Tensor, nn
from toys import gaussian_classes

from ibtrain import InformationPlane
from ibtrain.config import OBJECTIVES, ObjectiveConfig, OptimConfig, PlaneConfig
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ModelError
from ibtrain.models.mlp import mlp
from ibtrain.plane.gradients import gradient_statistics
from ibtrain.plane.measures.base import LayerSample, LayerSpec
from ibtrain.plane.measures.weights import Weights, unit_correlation
from ibtrain.train.callbacks import Event
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.objectives import BlockSpec, make_objective


def problem(count: int = 40) -> tuple[nn.Sequential, Tensor, Tensor]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
    return model, torch.randn(count, 5), torch.arange(count) % 3


def slow_spread(model: nn.Sequential, weight: Tensor, batches: list[tuple[Tensor, Tensor]]) -> tuple[float, float]:  # fmt: skip
    gradients = []
    for x, y in batches:
        model.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        assert weight.grad is not None
        gradients.append(weight.grad.flatten().double().numpy().copy())
    stacked = np.stack(gradients)
    return float(np.linalg.norm(stacked.mean(axis=0))), math.sqrt(np.trace(np.cov(stacked.T, ddof=0)))  # fmt: skip


def test_gradients_are_those_of_a_loop_over_batches_and_samples() -> None:
    model, x, y = problem()
    layers = {name: model.get_submodule(name) for name in "012"}
    result = gradient_statistics(
        lambda x, y: nn.functional.cross_entropy(model(x), y), x, y, layers, 8
    )
    assert {*result} == {"0", "2"}
    batches = list(zip(x.split(8), y.split(8), strict=True))
    samples = list(zip(x.split(1), y.split(1), strict=True))
    for name, statistics in result.items():
        weight = model.get_submodule(name).weight
        expected = slow_spread(model, weight, batches)
        assert (statistics.mean, statistics.std) == pytest.approx(expected, rel=1e-4)
        by_sample = (statistics.sample_mean, statistics.sample_std)
        assert by_sample == pytest.approx(slow_spread(model, weight, samples), rel=1e-4)


def test_a_loss_that_is_no_mean_over_samples_has_no_gradients_of_samples() -> None:
    model, x, y = problem()
    result = gradient_statistics(lambda x, y: model(x).exp().mean().log(), x, y, {"0": model[0]}, 8)
    assert result["0"].mean > 0
    assert result["0"].sample_mean is None


def test_a_loss_without_a_value_for_one_sample_has_no_gradients_of_samples() -> None:
    model, x, y = problem()

    def spread(x: Tensor, y: Tensor) -> Tensor:
        if len(x) < 2:
            raise ValueError
        return model(x).var()

    result = gradient_statistics(spread, x, y, {"0": model[0]}, 8)
    assert result["0"].mean > 0
    assert result["0"].sample_mean is None


def test_single_samples_are_left_out_where_they_are_not_asked_for() -> None:
    model, x, y = problem()
    loss = mock.Mock(side_effect=lambda x, y: nn.functional.cross_entropy(model(x), y))
    result = gradient_statistics(loss, x, y, {"0": model[0]}, 8, by_sample=False)
    assert result["0"].sample_mean is None
    assert loss.call_count == 5


def test_feature_maps_have_gradients_of_a_bound_that_compares_samples() -> None:
    """A critic of maps has no pair to compare in a batch of one sample."""
    x, y = torch.randn(80, 1, 6, 6), torch.arange(80) % 2
    plane = InformationPlane(
        Dataset.from_arrays(x, y), config=PlaneConfig(points=2, measures=("gradients",))
    )
    first = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU())
    model = nn.Sequential(first, nn.Sequential(nn.Flatten(), nn.Linear(48, 2)))
    optim = OptimConfig(epochs=1, batch_size=32)
    LayerwiseTrainer(model, ObjectiveConfig(), optim, callbacks=[plane]).fit(x, y)
    assert plane.points
    for point in plane.points:
        assert point.scalars["gradient_std"] > 0
        assert "gradient_std_sample" not in point.scalars


def test_whether_a_loss_is_a_mean_over_samples_is_declared() -> None:
    spec = BlockSpec((4,), torch.zeros(3), 0, 2)
    for name in OBJECTIVES:
        objective = make_objective(name, nn.Linear(5, 4), spec, ObjectiveConfig(name=name))
        assert objective.is_sample_mean == (name == "cross-entropy")
    config = ObjectiveConfig(name="cross-entropy", similarity=1.0)
    objective = make_objective("cross-entropy", nn.Linear(5, 4), spec, config)
    assert not objective.is_sample_mean


def test_a_frozen_layer_and_one_without_weights_have_no_values() -> None:
    model, x, y = problem()
    model[0].requires_grad_(False)
    plane = InformationPlane.watch(model, (x, y), measures=["gradients", "weights"])
    frozen, activation, output = plane.measure(0)
    assert "gradient_snr" not in frozen.scalars
    assert "weight_norm" in frozen.scalars
    assert {*activation.scalars} == {"sigma", "activation_scale"}
    assert output.scalars["gradient_snr"] > 0


def test_a_watched_model_has_the_gradients_of_its_loss_and_keeps_its_own() -> None:
    model, x, y = problem()
    model(x).sum().backward()
    before = [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]  # fmt: skip
    plane = InformationPlane.watch(
        model,
        (x, y),
        layers=["2"],
        measures=["gradients"],
        config=PlaneConfig(batch_size=10),
        loss=lambda output, y: 2 * nn.functional.cross_entropy(output, y),
    )
    with torch.no_grad():
        (point,) = plane.measure(0)
    now = [parameter.grad for parameter in model.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, now, strict=True) if b is not None)
    # the plane draws its samples in another order
    rows = plane.x_train
    batches = list(zip(rows.split(10), plane.y_train.split(10), strict=True))
    mean, std = slow_spread(model, model[2].weight, batches)
    norm = model[2].weight.norm().item()
    assert point.scalars["gradient_mean"] == pytest.approx(2 * mean / norm, rel=1e-4)
    assert point.scalars["gradient_snr"] == pytest.approx(mean / std, rel=1e-4)


@pytest.mark.parametrize(
    "loss",
    [
        lambda output, y: output,
        lambda output, y: output.detach().sum(),
        lambda output, y: 1.0,
        lambda output, y: nn.functional.cross_entropy(output[:, :1], y),
    ],
)
def test_a_loss_that_does_not_fit_the_model_is_told(loss: Any) -> None:
    model, x, y = problem()
    plane = InformationPlane.watch(model, (x, y), measures=["gradients"], loss=loss)
    with pytest.raises(ModelError, match=r"gradients: got another loss, expected a scalar from"):
        plane.measure(0)


def test_a_run_has_them_for_every_layer(tmp_path: Path) -> None:
    """A hidden layer that is trained by a mean over samples, and an output layer that is not."""
    options = "--epochs 1 --seeds 0 --hidden 8 --plane-points 2 --objective cross-entropy"
    folder = tmp_path / "run"
    measures = ("--measures", "gradients,weights", "--run-dir", folder)
    done = run("train", "layerwise", *options.split(), *measures)
    assert done.exit_code == 0, done.stderr
    assert "SNR" in done.stdout
    assert "gradient_" not in done.stdout
    events = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    points = [event["point"] for event in events if event["event"] == "plane"]
    hidden = [point for point in points if point["layer"] == "hidden1"]
    assert hidden[0]["weight_distance"] == 0
    assert hidden[-1]["weight_distance"] > 0
    assert hidden[-1]["gradient_snr_sample"] > 0
    assert all(point["gradient_snr"] > 0 for point in points)
    assert "gradient_snr_sample" not in points[-1]


def fitted(measures: tuple[str, ...]) -> tuple[list[Tensor], InformationPlane]:
    toy = gaussian_classes()
    torch.manual_seed(0)
    plane = InformationPlane(toy, config=PlaneConfig(measures=measures, batch_size=32))
    model = mlp(toy.dim_x, (8,), toy.num_classes)
    objective = ObjectiveConfig(beta=(0.1,))
    LayerwiseTrainer(model, objective, OptimConfig(epochs=2), callbacks=[plane]).fit(toy)
    return [parameter.detach() for parameter in model.parameters()], plane


def test_a_training_is_the_same_with_its_gradients_measured() -> None:
    """The objective's noise and its running average, which a loss changes, are left as they were."""
    plain, _ = fitted(("weights",))
    measured, plane = fitted(("weights", "gradients"))
    assert all(torch.equal(a, b) for a, b in zip(plain, measured, strict=True))
    assert all(point.scalars["gradient_std"] > 0 for point in plane.points)


def test_the_loss_of_an_event_is_the_objectives() -> None:
    toy = gaussian_classes()
    pairs = []

    def compare(event: Event) -> None:
        objective, x, y = event.model.objective, toy.train.x[:50], toy.train.y[:50]
        assert objective is not None
        loss = event.model.loss(x, y, torch.Generator().manual_seed(1))
        noise = objective.draw(50, torch.Generator().manual_seed(1), x.device)
        pairs.append((loss.item(), objective.eval()(x, y, *noise)[0].item()))
        objective.train()

    model = mlp(toy.dim_x, (8,), toy.num_classes)
    trainer = EndToEndTrainer(model, OptimConfig(epochs=1), callbacks=[compare])
    trainer.fit(toy)
    assert pairs
    assert all(loss == expected for loss, expected in pairs)


def test_the_weights_norm_distance_and_correlation() -> None:
    layer, spec = nn.Linear(3, 2), LayerSpec(2, torch.zeros(2), 0, PlaneConfig())
    h, y = torch.zeros(4, 2), torch.arange(4) % 2
    measure = Weights(spec)

    def measured(rows: list[list[float]]) -> dict[str, object]:
        layer.weight.data = torch.tensor(rows)
        return dict(measure.measure(LayerSample(h, y, h, y, 1.0, 0, module=layer)))

    first = measured([[1.0, 2.0, 2.0], [0.0, 0.0, 4.0]])
    correlation = abs(np.corrcoef([[1.0, 2.0, 2.0], [0.0, 0.0, 4.0]])[0, 1])
    assert first == pytest.approx({"weight_norm": 5.0, "weight_correlation": correlation, "weight_distance": 0.0})  # fmt: skip
    resumed = Weights(spec)
    resumed.load_state_dict(measure.state_dict())
    measure = resumed
    assert measured([[1.0, 2.0, 5.0], [0.0, 4.0, 4.0]])["weight_distance"] == pytest.approx(5.0)
    with pytest.raises(ModelError, match="weights of shapes"):
        layer.weight.data = torch.ones(2, 4)
        measure.measure(LayerSample(h, y, h, y, 1.0, 0, module=layer))


def test_the_correlation_is_numpys() -> None:
    rows = torch.randn(5, 30, generator=torch.Generator().manual_seed(0))
    expected = np.abs(np.corrcoef(rows.numpy()))[np.triu_indices(5, 1)].mean()
    assert unit_correlation(rows) == pytest.approx(expected, abs=1e-6)
    assert unit_correlation(torch.ones(3, 4)) == 0
    assert unit_correlation(rows[:1]) == 0
