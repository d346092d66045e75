"""What a training does to a network besides its steps: the order of samples, frozen weights, early ends."""

import pytest
import torch
from torch import Tensor, nn
from toys import gaussian_classes

from ibtrain.config import ObjectiveConfig, OptimConfig, PlaneConfig
from ibtrain.errors import ConfigError, ModelError
from ibtrain.models.mlp import mlp
from ibtrain.plane.tracker import InformationPlane
from ibtrain.train import loop, order
from ibtrain.train.callbacks import Event
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.fit import fit_ensemble
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.trainer import Trainer

OPTIM = OptimConfig(epochs=2, batch_size=50)
TRAINERS = [EndToEndTrainer, LayerwiseTrainer]


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return mlp(6, (30, 8), 3)


def fit(trainer: type[Trainer], model: nn.Sequential, optim: OptimConfig = OPTIM) -> None:
    trainer(model, optim=optim, progress=False).fit(gaussian_classes())


def test_both_methods_and_all_blocks_have_one_order_of_large_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The outputs of the first block are above the size from which samples are read in shards, and inputs below."""
    monkeypatch.setattr(order, "RANDOM_BYTES", 400 * 4 * 20)
    monkeypatch.setattr(order, "SHARD_BYTES", 4 * 30 * 5)
    orders: list[Tensor] = []

    def recorded(*args: object) -> order.EpochOrder:
        orders.append((drawn := order.epoch_order(*args)).samples)  # type: ignore[arg-type]
        return drawn

    monkeypatch.setattr(loop, "epoch_order", recorded)
    for trainer in TRAINERS:
        fit(trainer, network())
    first, second = orders[:2]
    # neighbours stay together
    assert not torch.equal(first, torch.randperm(400, generator=torch.Generator().manual_seed(0)))
    assert len(orders) == 2 + 3 * 2
    for index, found in enumerate(orders):
        assert torch.equal(found, (first, second)[index % 2])


@pytest.mark.parametrize("trainer", TRAINERS)
def test_what_is_frozen_before_keeps_its_weights(trainer: type[Trainer]) -> None:
    model = network()
    frozen = next(model.children()).requires_grad_(False)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    fit(trainer, model)
    changed = [name for name, w in model.state_dict().items() if not torch.equal(w, before[name])]
    assert changed
    assert not any(name.startswith("hidden1") for name in changed)
    assert not any(parameter.requires_grad for parameter in frozen.parameters())


def test_another_fit_trains_what_the_trainer_froze() -> None:
    model, toy = network(), gaussian_classes()
    trainer = LayerwiseTrainer(model, optim=OPTIM, progress=False)
    trainer.fit(toy)
    assert not any(parameter.requires_grad for parameter in model.parameters())
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    trainer.fit(toy)
    assert not any(torch.equal(weight, before[n]) for n, weight in model.state_dict().items())
    with pytest.raises(ModelError, match=r"all frozen, expected some with .*requires_grad_\(\)"):
        EndToEndTrainer(model, OPTIM, progress=False).fit(toy)


def test_a_training_that_fails_leaves_nothing_frozen() -> None:
    def fail(event: Event) -> None:
        if event.stage == "output":
            raise KeyboardInterrupt

    model = network()
    trainer = LayerwiseTrainer(model, optim=OPTIM, callbacks=[fail], progress=False)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(gaussian_classes())
    assert all(parameter.requires_grad for parameter in model.parameters())


class Counting(nn.Module):
    """A layer with an integer parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.count = nn.Parameter(torch.zeros((), dtype=torch.long), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.parametrize("trainer", TRAINERS)
def test_parameters_of_integers_are_left_alone(trainer: type[Trainer]) -> None:
    counting = Counting()
    fit(trainer, nn.Sequential(nn.Sequential(nn.Linear(6, 5), counting), nn.Linear(5, 3)))
    assert not counting.count.requires_grad
    assert counting.count == 0


def test_early_stopping_needs_a_validation_split() -> None:
    with pytest.raises(ConfigError, match=r"patience: got 3 without a validation split, expected"):
        fit(EndToEndTrainer, network(), OptimConfig(epochs=2, patience=3))


def test_a_stage_may_be_stopped_before_it_begins() -> None:
    kinds: list[str] = []

    def stop(event: Event) -> None:
        kinds.append(event.kind)
        if event.kind == "start":
            event.stop()

    toy = gaussian_classes().hold_out(0.1, seed=0)
    optim = OptimConfig(epochs=2, patience=3)
    EndToEndTrainer(network(), optim, callbacks=[stop], progress=False).fit(toy)
    assert kinds == ["start", "end"]


def test_networks_that_share_a_plane_are_measured_each_by_itself() -> None:
    toy, config = gaussian_classes(), PlaneConfig(points=2, measures=("weights", "probe"))

    def planes(count: int) -> list[InformationPlane]:
        return [InformationPlane(toy, config=config) for _ in range(count)]

    def values(planes: list[InformationPlane]) -> list[tuple[object, ...]]:
        trainers = []
        for seed, plane in enumerate(planes):
            torch.manual_seed(seed)
            model = mlp(toy.dim_x, (8,), toy.num_classes)
            trainers.append(
                LayerwiseTrainer(
                    model, ObjectiveConfig(), OPTIM, seed=seed, callbacks=[plane], progress=False
                )
            )
        fit_ensemble(trainers, toy)
        points = {(p.seed, p.layer, p.epoch): p for plane in planes for p in plane.points}
        return sorted(
            (*place, p.scalars["weight_distance"], p.scalars["probe_accuracy"])
            for place, p in points.items()
        )

    assert values(planes(1) * 2) == values(planes(2))
