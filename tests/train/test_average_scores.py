"""The scores of all blocks predict together: their log-probabilities are averaged."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from toys import gaussian_classes

from ibtrain.config import ModelConfig, ObjectiveConfig, OptimConfig, PlaneConfig, RunConfig
from ibtrain.errors import ConfigError
from ibtrain.models.blocks import block_outputs
from ibtrain.models.mlp import mlp
from ibtrain.runs.runner import run
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.results import FitResult
from ibtrain.train.scores import AveragedReadout, AveragedScores
from ibtrain.train.stored import load_network

ORDERS = ("sequential", "simultaneous", "joint")
OPTIM = OptimConfig(learning_rate=5e-3, batch_size=64, epochs=2)


def trained(order: str, **objective: object) -> FitResult:
    torch.manual_seed(0)
    config = ObjectiveConfig(order=order, critic_width=7, **objective)  # type: ignore[arg-type]
    trainer = LayerwiseTrainer(mlp(6, [12, 8], 3), config, OPTIM, progress=False)
    return trainer.fit(gaussian_classes(spread=1.0))


def test_probabilities_are_the_normalised_geometric_mean() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(3, 5, 4))
    readout = AveragedReadout([nn.Identity()] * 3)
    found = readout(list(torch.from_numpy(scores))).softmax(1)
    probabilities = np.exp(scores) / np.exp(scores).sum(2, keepdims=True)
    product = probabilities.prod(0) ** (1 / 3)
    expected = product / product.sum(1, keepdims=True)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("order", ORDERS)
def test_every_block_has_a_readout_and_all_predict(order: str) -> None:
    result = trained(order, average_scores=True)
    data = gaussian_classes(spread=1.0)
    assert isinstance(result.readout, AveragedReadout)
    outputs = list(block_outputs(result.network, data.test.x).values())
    logs = [
        readout(h).log_softmax(1)
        for readout, h in zip(result.readout.readouts, outputs, strict=True)
    ]
    assert len(logs) == 3
    predicted = sum(logs).argmax(1)
    assert result.accuracies["test"] == (predicted == data.test.y).float().mean().item()
    assert result.score(data.test) == result.accuracies["test"]
    # the blocks disagree somewhere, so that the average is not that of one of them
    assert all(not torch.equal(predicted, log.argmax(1)) for log in logs)


@pytest.mark.parametrize("order", ORDERS)
def test_the_training_is_the_same(order: str) -> None:
    one, other = (trained(order, average_scores=averages) for averages in (True, False))
    weights = other.network.state_dict()
    assert all(
        torch.equal(value, weights[name]) for name, value in one.network.state_dict().items()
    )
    assert isinstance(one.readout, AveragedReadout)
    last = one.readout.readouts[-1].state_dict()
    assert all(torch.equal(value, last[name]) for name, value in other.readout.state_dict().items())


def test_readouts_read_their_own_block_only() -> None:
    result = trained("sequential", average_scores=True)
    assert isinstance(result.readout, AveragedReadout)
    outputs = list(block_outputs(result.network, torch.randn(4, 6)).values())
    changed = [outputs[0], outputs[1] + 1, outputs[2]]
    logs = [
        torch.stack([r(h).log_softmax(1) for r, h in zip(result.readout.readouts, hs, strict=True)])
        for hs in (outputs, changed)
    ]
    assert [torch.equal(logs[0][i], logs[1][i]) for i in range(3)] == [True, False, True]


def test_predictions_survive_saving_and_export(tmp_path: Path) -> None:
    result = trained("sequential", average_scores=True)
    x = torch.randn(9, 6)
    result.save(tmp_path / "network.pt")
    loaded = load_network(tmp_path / "network.pt")
    np.testing.assert_array_equal(loaded.predict_proba(x), result.predict_proba(x))
    module = result.to_module()
    assert isinstance(list(module.children())[1], AveragedScores)
    np.testing.assert_allclose(module(x).softmax(1), result.predict_proba(x), atol=1e-6)
    exported = torch.export.export(module, (x,)).module()
    torch.testing.assert_close(exported(x), module(x))


@pytest.mark.parametrize("order", ["sequential", "simultaneous"])
def test_a_run_keeps_the_readouts_of_all_blocks(tmp_path: Path, order: str) -> None:
    data = gaussian_classes(spread=1.0)
    file = tmp_path / "data.npz"
    np.savez(
        file, x_train=data.train.x, y_train=data.train.y, x_test=data.test.x, y_test=data.test.y
    )
    config = RunConfig(
        dataset=f"npz:{file}",
        methods=("layerwise",),
        seeds=(0, 1),
        model=ModelConfig(hidden=(12, 8)),
        objective=ObjectiveConfig(order=order, average_scores=True),
        layerwise=OPTIM,
        plane=PlaneConfig(points=0),
    )
    folder = run(config, tmp_path / "run")
    for entry in folder.results()["layerwise"]:
        network = folder.network(entry["seed"])
        assert network.score(data.test.x.numpy(), data.test.y.numpy()) == entry["test_accuracy"]


def test_something_that_is_no_flag_is_told() -> None:
    with pytest.raises(ConfigError, match="average_scores: got 'yes', expected true or false"):
        ObjectiveConfig(average_scores="yes")  # type: ignore[arg-type]
