"""Several processes that train one network: the steps of a single process, to rounding."""

import importlib
import inspect
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from spawning import spawned
from torch import Tensor, nn

from ibtrain import EndToEndTrainer, LayerwiseTrainer, ObjectiveConfig, OptimConfig, mlp
from ibtrain.backend.exchange import all_rows, map_rows, my_rows, share_generators
from ibtrain.backend.process_group import data_parallel, rank
from ibtrain.errors import ConfigError
from ibtrain.mi.bounds.base import log_mean_exp
from ibtrain.train.objectives import Objective

BATCH = 51
"""Three or four processes have unequal shares of it."""


def bound_and_gradient() -> tuple[Tensor, Tensor]:
    """A Donsker-Varadhan bound of pairs of neighbours in a batch, and its gradient by the inputs."""
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(BATCH, 4, generator=draws, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 3, generator=draws, dtype=torch.float64)
    h = all_rows((my_rows(x) @ weight).tanh(), BATCH)
    bound = (h * h).sum(1).mean() - log_mean_exp((h * h.roll(1, 0)).sum(1))
    (gradient,) = torch.autograd.grad(bound, x)
    return bound.detach(), gradient


@pytest.mark.parametrize("count", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_a_bound_is_of_the_whole_batch(count: int, tmp_path: Path) -> None:
    """The logarithm is of the mean over all processes, not a mean of logarithms, and so is its gradient."""
    bound, gradient = bound_and_gradient()
    results = spawned(bound_and_gradient, count, tmp_path)
    for each, _ in results:
        torch.testing.assert_close(each, bound, rtol=0, atol=1e-12)
    total = sum(part for _, part in results)
    torch.testing.assert_close(total, gradient, rtol=0, atol=1e-12)
    # each process has the gradient of its rows only
    assert not results[0][1][-1].any()


def trained(name: str, order: str = "sequential", objective: str = "ib") -> dict[str, Any]:
    """Weights, metrics and accuracies after two epochs."""
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(200, 6, generator=draws)
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0)
    torch.manual_seed(0)
    network = mlp(6, [9, 8], 3)
    optim = OptimConfig(epochs=2, batch_size=BATCH, learning_rate=0.01, patience=5)
    if name == "layerwise":
        config = ObjectiveConfig(name=objective, order=order, beta=0.01, similarity=0.5)
        trainer: Any = LayerwiseTrainer(network, config, optim, progress=False)
    else:
        trainer = EndToEndTrainer(network, optim, progress=False)
    result = trainer.fit(x, y)
    metrics = [record.metrics for record in result.history]
    return {"weights": network.state_dict(), "metrics": metrics, "accuracies": result.accuracies}


@pytest.mark.parametrize(
    ("name", "order", "objective", "count"),
    [
        ("layerwise", "sequential", "ib", 2),
        pytest.param("layerwise", "simultaneous", "hsic", 4, marks=pytest.mark.slow),
        pytest.param("layerwise", "joint", "cross-entropy", 3, marks=pytest.mark.slow),
        pytest.param("end_to_end", "", "", 3, marks=pytest.mark.slow),
    ],
)
def test_training_is_that_of_one_process(
    name: str, order: str, objective: str, count: int, tmp_path: Path
) -> None:
    work = partial(trained, name, *filter(None, [order, objective]))
    expected = work()
    results = spawned(work, count, tmp_path)
    for result in results:
        torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)
        # what all processes decide by is the same to the last bit
        torch.testing.assert_close(result, results[0], rtol=0, atol=0)


def trained_on_maps(order: str, **objective: Any) -> dict[str, Any]:
    """Weights and metrics after an epoch of convolutions, and the shapes that processes have gathered."""
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(120, 2, 10, 10, generator=draws)
    y = (x[:, 0].mean((1, 2)) > 0).long()
    torch.manual_seed(0)
    first = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.Tanh())
    second = nn.Sequential(nn.Conv2d(4, 3, 3, padding=1), nn.Tanh())
    network = nn.Sequential(first, second, nn.Sequential(nn.Flatten(), nn.Linear(300, 2)))
    config = ObjectiveConfig(order=order, noise_std=0.5, **objective)
    optim = OptimConfig(epochs=1, batch_size=40, learning_rate=0.01)
    shapes = set()

    def gather(rows: Tensor, batch_size: int) -> Tensor:
        shapes.add(tuple(rows.shape[1:]))
        return all_rows(rows, batch_size)

    with mock.patch("ibtrain.train.objectives.base.all_rows", gather):
        trainer = LayerwiseTrainer(network, config, optim, progress=False)
        metrics = [record.metrics for record in trainer.fit(x, y).history]
    return {"weights": network.state_dict(), "metrics": metrics, "shapes": sorted(shapes)}


MEANS, MAPS = [(2,), (3, 4, 4), (4, 4, 4)], [(2,), (3, 10, 10), (4, 10, 10)]


@pytest.mark.parametrize(
    ("order", "objective", "shapes"),
    [
        ("simultaneous", {"beta": 0.0, "predict_from": "noisy", "similarity": 1.0}, MEANS),
        *(
            pytest.param(*values, marks=pytest.mark.slow)
            for values in (
                ("sequential", {"name": "cross-entropy", "same_class": 1.0}, MEANS),
                ("joint", {"name": "cross-entropy"}, MEANS),
                ("simultaneous", {"beta": 0.01}, MAPS),
                ("simultaneous", {"beta": 0.0, "noise_scale": "relative"}, MAPS),
                ("simultaneous", {"name": "hsic", "beta": 0.01}, MAPS),
            )
        ),
    ],
)
def test_means_of_maps_are_gathered_where_critics_read_no_more(
    order: str, objective: dict[str, Any], shapes: list[tuple[int, ...]], tmp_path: Path
) -> None:
    work = partial(trained_on_maps, order, **objective)
    expected = work()
    for result in spawned(work, 2, tmp_path):
        assert result["shapes"] == shapes
        for key in ("weights", "metrics"):
            torch.testing.assert_close(result[key], expected[key], rtol=1e-4, atol=1e-5)


def random_rows() -> tuple[Tensor, Tensor]:
    """Dropout masks of the rows of a process, and what all processes draw afterwards."""
    torch.manual_seed(rank())
    share_generators()
    masks = map_rows(nn.Dropout(), torch.ones(9 + rank(), 50))
    return masks, torch.rand(5)


def test_dropout_is_independent_and_the_common_generator_stays_common(tmp_path: Path) -> None:
    (one, common), (other, same) = spawned(random_rows, 2, tmp_path)
    assert 0.3 < (one == other[:9]).float().mean() < 0.7
    torch.testing.assert_close(common, same, rtol=0, atol=0)


class WholeBatch(Objective):
    """An objective that evaluates the network itself."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__(nn.Identity())
        self.network = network

    def forward(self, x: Tensor, y: Tensor, *noise: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        loss = nn.functional.cross_entropy(self.network(x), y)
        return loss, {"loss": loss.detach()}


class WholeBatchTrainer(EndToEndTrainer):
    """Trains by it."""

    def objective_of(self, part: nn.Sequential, specs: Any) -> Objective:
        return WholeBatch(part)


def of_another_objective() -> list[Any]:
    """Metrics of its training: the rate of SGD would show a gradient that is summed."""
    x = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    optim = OptimConfig(epochs=3, batch_size=20, optimizer="sgd", learning_rate=0.3)
    trainer = WholeBatchTrainer(mlp(4, [5], 2), optim, progress=False)
    return [record.metrics for record in trainer.fit(x, torch.arange(60) % 2).history]


@pytest.mark.slow
def test_an_objective_that_shares_no_rows_trains_as_in_one_process(tmp_path: Path) -> None:
    expected = of_another_objective()
    for metrics in spawned(of_another_objective, 2, tmp_path):
        torch.testing.assert_close(metrics, expected, rtol=1e-5, atol=1e-6)


def unlike() -> dict[str, Tensor]:
    """Weights after a training from other weights in every process."""
    torch.manual_seed(rank())
    x, y = torch.randn(60, 4, generator=torch.Generator().manual_seed(0)), torch.arange(60) % 2
    network = mlp(4, [5], 2, dropout=0.5)
    LayerwiseTrainer(network, optim=OptimConfig(epochs=2, batch_size=7), progress=False).fit(x, y)
    return network.state_dict()


@pytest.mark.slow
def test_the_weights_of_the_first_process_are_those_of_all(tmp_path: Path) -> None:
    results = spawned(unlike, 3, tmp_path)
    for weights in results[1:]:
        torch.testing.assert_close(weights, results[0], rtol=0, atol=0)


def small_batches() -> str:
    """The error of a batch that is too small."""
    x, y = torch.randn(60, 4), torch.arange(60) % 2
    trainer = EndToEndTrainer(mlp(4, [5], 2), OptimConfig(batch_size=3), progress=False)
    with pytest.raises(ConfigError) as caught:
        trainer.fit(x, y)
    return str(caught.value)


@pytest.mark.slow
def test_each_process_needs_two_rows(tmp_path: Path) -> None:
    for message in spawned(small_batches, 2, tmp_path):
        assert message == "batch_size: got 3, expected at least 4, two for each process"


def normalised() -> dict[str, Tensor]:
    """State of a network with batch normalisation after an epoch."""
    x = torch.randn(300, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    y = torch.arange(300) % 2
    torch.manual_seed(0)
    first = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU())
    network = nn.Sequential(first, nn.Sequential(nn.Flatten(), nn.Linear(48, 2)))
    trainer = EndToEndTrainer(network, OptimConfig(epochs=1, batch_size=100), progress=False)
    trainer.fit(x, y)
    return network.state_dict()


@pytest.mark.slow
def test_normalisation_has_one_running_mean(tmp_path: Path) -> None:
    expected = normalised()
    one, other = spawned(normalised, 2, tmp_path)
    torch.testing.assert_close(one, other, rtol=0, atol=0)
    torch.testing.assert_close(
        one["0.1.running_mean"], expected["0.1.running_mean"], rtol=0, atol=0.01
    )


def group_in_defaults() -> bool:
    """Whether defaults of what the first optimizer imports keep the process group."""
    torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    module = importlib.import_module("torch.distributed.nn.functional")
    return inspect.signature(module.broadcast).parameters["group"].default is not None


def test_nothing_keeps_the_group_beyond_its_end(tmp_path: Path) -> None:
    """Threads of a group that lives at the exit of its process abort it, one time in fifteen."""
    assert spawned(group_in_defaults, 2, tmp_path) == [False, False]


def test_a_missing_group_is_told() -> None:
    with pytest.raises(ConfigError, match="init_process_group"), data_parallel():
        pass
