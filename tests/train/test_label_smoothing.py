"""Label smoothing of the cross-entropy, in both methods."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from ibtrain.backend.seeding import seeded
from ibtrain.config import ObjectiveConfig, OptimConfig
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ConfigError
from ibtrain.models.mlp import mlp
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.objectives import BlockSpec, make_objective
from ibtrain.train.objectives.cross_entropy import smooth_labels

OPTIM = OptimConfig(
    learning_rate=1e-2, schedule="constant", batch_size=400, epochs=1, label_smoothing=0.3
)


def network(data: Dataset) -> nn.Sequential:
    with seeded(0, "test"):
        return mlp(data.dim_x, (8,), data.num_classes)


def test_a_share_of_the_label_is_spread_over_all_classes() -> None:
    torch.manual_seed(0)
    spec = BlockSpec((5,), torch.zeros(5), 0, 1)
    objective = make_objective("cross-entropy", nn.Linear(4, 5), spec, ObjectiveConfig())
    smooth_labels(objective, 0.3)
    x, y = torch.randn(20, 4), torch.arange(20) % 5
    loss, metrics = objective(x, y)
    log_p = objective.block(x).log_softmax(1)
    target = 0.7 * nn.functional.one_hot(y, 5) + 0.3 / 5
    torch.testing.assert_close(loss, -(target * log_p).sum(1).mean())
    assert metrics["cross_entropy"] == loss


@pytest.mark.parametrize("order", [None, "sequential", "simultaneous"])
def test_both_methods_train_on_smooth_labels(toy: Dataset, order: str | None) -> None:
    """The loss of the first step is that of the untrained network."""

    def first_losses(optim: OptimConfig) -> dict[str, float]:
        trainer = (
            LayerwiseTrainer(
                network(toy),
                ObjectiveConfig("cross-entropy", order, readout="cross-entropy"),
                optim,
            )
            if order
            else EndToEndTrainer(network(toy), optim)
        )
        metrics = trainer.fit(toy).history[0].metrics
        return {name: value for name, value in metrics.items() if "cross_entropy" in name}

    smooth, plain = first_losses(OPTIM), first_losses(replace(OPTIM, label_smoothing=0.0))
    assert len(smooth) == (2 if order == "simultaneous" else 1)
    assert all(smooth[name] != pytest.approx(value, abs=1e-4) for name, value in plain.items())
    if order is None:
        log_p = network(toy)(toy.train.x).log_softmax(1)
        target = 0.7 * nn.functional.one_hot(toy.train.y, 3) + 0.1
        expected = -(target * log_p).sum(1).mean().item()
        assert smooth["cross_entropy"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "settings", [{"name": "cross-entropy"}, {"readout": "cross-entropy"}], ids=["hidden", "output"]
)
def test_one_cross_entropy_is_enough(toy: Dataset, settings: dict[str, str]) -> None:
    objective = ObjectiveConfig(**settings)  # type: ignore[arg-type]
    assert LayerwiseTrainer(network(toy), objective, OPTIM).fit(toy).history


@pytest.mark.parametrize("readout", ["dv", "critic"])
def test_objectives_without_a_cross_entropy_are_told(toy: Dataset, readout: str) -> None:
    message = (
        f"label_smoothing: got 0.3 with objective ib and readout {readout}, expected 0, or "
        "cross-entropy as objective or readout"
    )
    with pytest.raises(ConfigError, match=message):
        LayerwiseTrainer(network(toy), ObjectiveConfig(readout=readout), OPTIM)
