"""Seeds that train as one against the same seeds one after another."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import nn

from ibtrain.backend.seeding import seeded
from ibtrain.config import ObjectiveConfig, OptimConfig
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ConfigError, ModelError
from ibtrain.models.mlp import mlp
from ibtrain.train.callbacks import Event
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.fit import fit_ensemble
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.results import FitResult
from ibtrain.train.trainer import Trainer

OPTIM = OptimConfig(learning_rate=1e-2, batch_size=50, epochs=3)
SEEDS = (3, 4, 5)
Make = Callable[[Dataset, OptimConfig], Sequence[Trainer]]


def network(data: Dataset, seed: int) -> nn.Sequential:
    with seeded(seed, "test"):
        return mlp(data.dim_x, (16, 8), data.num_classes)


def layerwise(data: Dataset, optim: OptimConfig, **objective: object) -> list[LayerwiseTrainer]:
    config = ObjectiveConfig(**objective)  # type: ignore[arg-type]
    return [LayerwiseTrainer(network(data, s), config, optim, seed=s) for s in SEEDS]


def end_to_end(data: Dataset, optim: OptimConfig) -> list[EndToEndTrainer]:
    return [EndToEndTrainer(network(data, s), optim, seed=s) for s in SEEDS]


def assert_same(found: list[FitResult], expected: list[FitResult]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.seed == other.seed
        assert len(one.history) == len(other.history) > 0
        for a, b in zip(one.history, other.history, strict=True):
            assert (a.stage, a.epoch) == (b.stage, b.epoch)
            assert a.metrics.keys() == b.metrics.keys()
            for name, value in b.metrics.items():
                # Adam blows up rounding near a gradient of zero, most in critics of pairs: over 28 trainings metrics
                # differed by up to 2e-5, theirs by 1.5e-3, and weights by 5e-6
                limit = 1e-2 if name.endswith("mi_xt") else 1e-4
                assert a.metrics[name] == pytest.approx(value, abs=limit), name
        torch.testing.assert_close(
            one.network.state_dict(), other.network.state_dict(), rtol=0, atol=1e-4
        )


@pytest.fixture(params=["one by one", "batched"], autouse=True)
def calls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether a stack's members are called one by one, or as one as on an accelerator."""
    if request.param == "batched":
        monkeypatch.setattr("ibtrain.backend.ensemble.NETWORKS_AT_ONCE", len(SEEDS))
        monkeypatch.setattr("ibtrain.backend.ensemble.SMALL", 1 << 20)
    return str(request.param)


@pytest.mark.parametrize(
    "objective",
    [
        {},
        *(
            pytest.param(objective, marks=pytest.mark.slow)
            for objective in (
                {"noise_scale": "relative"},
                {"beta": (0.0,)},
                {"readout": "cross-entropy"},
                {"order": "joint"},
            )
        ),
        {"name": "cross-entropy"},
        {"order": "simultaneous"},
    ],
)
def test_layer_wise_seeds_train_as_they_would_alone(
    toy: Dataset, objective: dict[str, object]
) -> None:
    together = fit_ensemble(layerwise(toy, OPTIM, **objective), toy)
    alone = [trainer.fit(toy) for trainer in layerwise(toy, OPTIM, **objective)]
    assert_same(together, alone)
    assert together[0].history != together[1].history


def test_end_to_end_seeds_train_as_they_would_alone(toy: Dataset) -> None:
    together = fit_ensemble(end_to_end(toy, OPTIM), toy)
    assert_same(together, [trainer.fit(toy) for trainer in end_to_end(toy, OPTIM)])


def normalised(data: Dataset, seed: int) -> nn.Sequential:
    """A network whose blocks keep running means."""
    with seeded(seed, "test"):
        return nn.Sequential(
            nn.Linear(data.dim_x, 16, bias=False),  # which has no gradient before a normalisation
            nn.BatchNorm1d(16),
            nn.ReLU(),
            nn.Linear(16, 8, bias=False),
            nn.BatchNorm1d(8),
            nn.Tanh(),
            nn.Linear(8, data.num_classes),
        )


@pytest.mark.parametrize("kind", [LayerwiseTrainer, EndToEndTrainer])
def test_networks_with_running_means_train_as_they_would_alone(
    toy: Dataset, kind: type[LayerwiseTrainer] | type[EndToEndTrainer]
) -> None:
    def trainers() -> list[LayerwiseTrainer | EndToEndTrainer]:
        return [kind(normalised(toy, seed), optim=OPTIM, seed=seed) for seed in SEEDS]

    together = fit_ensemble(trainers(), toy)  # type: ignore[arg-type]
    assert_same(together, [trainer.fit(toy) for trainer in trainers()])
    means = [result.network.state_dict()["layer0.1.running_mean"] for result in together]
    assert not torch.equal(means[0], means[1])


@pytest.mark.parametrize("make", [end_to_end, layerwise])
def test_each_seed_stops_when_it_would_alone(toy: Dataset, make: Make) -> None:
    data = toy.hold_out(0.2, seed=0)
    optim = OptimConfig(learning_rate=1e-2, batch_size=64, epochs=30, patience=2)
    together = fit_ensemble(make(data, optim), data)
    lengths = {len(result.history) for result in together}
    assert len(lengths) > 1
    assert_same(together, [trainer.fit(data) for trainer in make(data, optim)])


def test_a_network_that_has_stopped_takes_no_more_steps(toy: Dataset, calls: str) -> None:
    if calls == "batched":
        pytest.skip("a batched call runs no hooks of the members")
    data = toy.hold_out(0.2, seed=0)
    optim = OptimConfig(learning_rate=1e-2, batch_size=64, epochs=30, patience=2)
    trainers = end_to_end(data, optim)
    counts = dict.fromkeys(SEEDS, 0)
    for trainer in trainers:
        output = trainer.blocks.get_submodule("output")

        def count(module: nn.Module, inputs: object, seed: int = trainer.seed) -> None:
            counts[seed] += module.training

        output.register_forward_pre_hook(count)
    results = fit_ensemble(trainers, data)
    steps = len(data.train) // 64
    assert counts == {result.seed: steps * len(result.history) for result in results}


def test_every_seed_tells_its_own_listeners(toy: Dataset) -> None:
    heard: dict[int, list[Event]] = {seed: [] for seed in SEEDS}
    trainers = [
        LayerwiseTrainer(network(toy, seed), optim=OPTIM, seed=seed, callbacks=[heard[seed].append])
        for seed in SEEDS
    ]
    fit_ensemble(trainers, toy)
    for seed, events in heard.items():
        assert {event.seed for event in events} == {seed}
        assert [e.kind for e in events[:5]] == ["start", "epoch", "epoch", "epoch", "end"]
        assert len(events) == 15


def test_only_trainings_that_are_alike_can_be_one(toy: Dataset) -> None:
    trainers = layerwise(toy, OPTIM)
    trainers[1].objective = ObjectiveConfig(beta=(0.1,))
    with pytest.raises(ConfigError, match="settings that differ"):
        fit_ensemble(trainers, toy)
    others = end_to_end(toy, OPTIM)
    others[2] = EndToEndTrainer(mlp(toy.dim_x, (9, 8), 3), OPTIM)
    with pytest.raises(ConfigError, match="networks that differ"):
        fit_ensemble(others, toy)


def test_trainers_that_share_a_network_are_refused(toy: Dataset) -> None:
    shared = network(toy, 0)
    for trainers in (
        [LayerwiseTrainer(shared, optim=OPTIM, seed=seed) for seed in SEEDS],
        [EndToEndTrainer(shared, optim=OPTIM, seed=seed) for seed in SEEDS],
    ):
        with pytest.raises(ModelError, match="that network 0 and network 1 share"):
            fit_ensemble(trainers, toy)  # type: ignore[arg-type]


def test_trainers_of_different_classes_are_no_ensemble(toy: Dataset) -> None:
    class Other(EndToEndTrainer):
        pass

    others = [EndToEndTrainer(network(toy, 0), OPTIM), Other(network(toy, 1), OPTIM)]
    with pytest.raises(ConfigError, match="trainers that differ"):
        fit_ensemble(others, toy)


class Shifted(nn.Linear):
    """Holds a tensor that is neither a parameter nor a buffer."""

    def __init__(self, dim_in: int, dim_out: int, shift: float) -> None:
        super().__init__(dim_in, dim_out)
        self.shift = torch.tensor(shift)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + self.shift * x[:, :1]


def test_a_tensor_that_is_no_buffer_stays_its_networks_own(toy: Dataset) -> None:
    def trainers() -> list[EndToEndTrainer]:
        made = []
        for seed in SEEDS:
            with seeded(seed, "test"):
                first = Shifted(toy.dim_x, 8, float(seed))
                made.append(nn.Sequential(first, nn.Tanh(), nn.Linear(8, toy.num_classes)))
        return [EndToEndTrainer(m, OPTIM, seed=s) for s, m in zip(SEEDS, made, strict=True)]

    assert_same(fit_ensemble(trainers(), toy), [trainer.fit(toy) for trainer in trainers()])
