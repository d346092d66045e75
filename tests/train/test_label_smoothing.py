"""Label smoothing of the cross-entropy, in both methods, and of the Donsker-Varadhan bound."""

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
    objective.smooth_labels(0.3)
    x, y = torch.randn(20, 4), torch.arange(20) % 5
    loss, metrics = objective(x, y)
    log_p = objective.block(x).log_softmax(1)
    target = 0.7 * nn.functional.one_hot(y, 5) + 0.3 / 5
    torch.testing.assert_close(loss, -(target * log_p).sum(1).mean())
    assert metrics["cross_entropy"] == loss


@pytest.mark.parametrize("name", ["ib", "dv", "squared-ib", "hsic"])
def test_the_bound_is_on_a_label_that_is_sometimes_replaced(name: str) -> None:
    """By the mean over all labels that may take its place, and without a change of what other blocks have."""
    torch.manual_seed(0)
    prior = torch.tensor([0.5, 0.25, 0.15, 0.05, 0.05])
    spec = BlockSpec((5,), prior.log(), 0, 1)
    config = ObjectiveConfig(beta=0.0, predict_from="clean")
    objective = make_objective(name, nn.Linear(4, 5), spec, config)
    objective.smooth_labels(0.3)
    x, y = torch.randn(20, 4), torch.arange(20) % 5
    _, metrics = objective(x, y)
    smoothed = 0.7 * prior + 0.3 / 5
    scores = objective.block(x)
    joint = (0.7 * nn.functional.one_hot(y, 5) + 0.3 / 5) * scores
    expected = joint.sum(1).mean() - (smoothed * scores.exp()).sum(1).mean().log()
    torch.testing.assert_close(metrics["mi_hy"], expected.detach())
    # the posterior of the replaced label
    torch.testing.assert_close(objective.scores(scores), scores + smoothed.log())
    torch.testing.assert_close(spec.log_prior, prior.log())


def test_an_information_bottleneck_trains_on_smooth_labels(toy: Dataset) -> None:
    """Every block does; the bound can't exceed what is left of the label's entropy."""
    optim = replace(OPTIM, epochs=30, label_smoothing=0.3)
    result = LayerwiseTrainer(network(toy), ObjectiveConfig(beta=0.0), optim).fit(toy)
    share = torch.tensor([0.8, 0.1, 0.1])
    most = toy.label_entropy + (share * share.log()).sum().item()
    bounds = [
        value
        for record in result.history
        for key, value in record.metrics.items()
        if key in ("mi_ty", "mi_hy")
    ]
    assert len(bounds) == 60
    assert 0.5 * most < max(bounds) < most + 0.02
    assert result.accuracies["test"] > 0.9


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


@pytest.mark.parametrize("name", ["nwj", "smile", "infonce"])
def test_objectives_that_smooth_no_labels_are_told(toy: Dataset, name: str) -> None:
    message = (
        f"label_smoothing: got 0.3 with objective {name} and readout critic, expected 0, or "
        "ib, dv or cross-entropy as objective or readout"
    )
    with pytest.raises(ConfigError, match=message):
        LayerwiseTrainer(network(toy), ObjectiveConfig(name, readout="critic"), OPTIM)
