"""Networks with dropout: masks follow the trainer's seed, whatever was drawn before."""

import pytest
import torch

from ibtrain.backend.seeding import seeded
from ibtrain.config import ObjectiveConfig, OptimConfig
from ibtrain.data.dataset import Dataset
from ibtrain.models.mlp import mlp
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.fit import fit_ensemble
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.trainer import Trainer

OPTIM = OptimConfig(learning_rate=1e-2, batch_size=50, epochs=4)


def trainer_of(
    kind: type[LayerwiseTrainer] | type[EndToEndTrainer],
    data: Dataset,
    seed: int = 0,
    **more: object,
) -> Trainer:
    with seeded(0, "test"):
        model = mlp(data.dim_x, (32, 16), data.num_classes, dropout=0.3)
    return kind(model, optim=OPTIM, seed=seed, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [EndToEndTrainer, LayerwiseTrainer])
def test_masks_follow_the_seed(
    toy: Dataset, kind: type[LayerwiseTrainer] | type[EndToEndTrainer]
) -> None:
    torch.manual_seed(0)
    (first,) = fit_ensemble([trainer_of(kind, toy)], toy)
    state = torch.get_rng_state()
    torch.rand(7)
    (again,) = fit_ensemble([trainer_of(kind, toy)], toy)
    assert again.history == first.history
    # the generator that others draw from is as before
    torch.manual_seed(0)
    assert torch.equal(torch.get_rng_state(), state)
    without = trainer_of(kind, toy)
    for module in without.blocks.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    (plain,) = fit_ensemble([without], toy)
    assert plain.history != first.history


@pytest.mark.parametrize("order", ["sequential", "simultaneous", "joint"])
def test_every_order_trains_with_dropout(toy: Dataset, order: str) -> None:
    objective = ObjectiveConfig(order=order, beta=(0.01,))
    trainer = trainer_of(LayerwiseTrainer, toy, objective=objective)
    (result,) = fit_ensemble([trainer], toy)
    assert result.accuracies["test"] > 0.9


def test_networks_that_train_as_one_draw_masks_of_their_own(
    toy: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on an accelerator, where networks of one shape are called as one: those with dropout are not."""
    monkeypatch.setattr("ibtrain.backend.ensemble.NETWORKS_AT_ONCE", 2)
    monkeypatch.setattr("ibtrain.backend.ensemble.SMALL", 1 << 20)
    found = [
        fit_ensemble([trainer_of(EndToEndTrainer, toy) for _ in range(2)], toy) for _ in range(2)
    ]
    # the same weights and data order, and other masks
    assert found[0][0].history != found[0][1].history
    assert [result.history for result in found[0]] == [result.history for result in found[1]]
    assert all(result.accuracies["test"] > 0.9 for result in found[0])
