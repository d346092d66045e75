"""What every objective owes: it trains in every order, predicts by a readout that is right, and stays in its block."""

import math
from typing import Any

import pytest
import torch
from test_objective import BETA, LABELS, Problem
from torch import Tensor, nn

from ibtrain.backend.gradients import gradient_norm
from ibtrain.backend.seeding import seeded
from ibtrain.config import OBJECTIVES, UNUSED, ObjectiveConfig, OptimConfig
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ConfigError
from ibtrain.mi.bounds.labels import infonce_labels, label_scores
from ibtrain.mi.bounds.registry import nwj, smile
from ibtrain.models.mlp import mlp
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.objectives import BlockObjective, BlockSpec, make_objective
from ibtrain.train.objectives.ib import InformationBottleneck
from ibtrain.train.objectives.infonce import InfoNCEBottleneck
from ibtrain.train.objectives.nwj import NWJBottleneck
from ibtrain.train.objectives.smile import SmileBottleneck
from ibtrain.train.objectives.squared_ib import SquaredInformationBottleneck
from ibtrain.train.objectives.terms import SimilarityTerm, cosine_similarities, one_hot
from ibtrain.train.results import FitResult
from ibtrain.train.scores import class_scores

NEW = [name for name in OBJECTIVES if name not in ("ib", "cross-entropy")]
DETACHED = ["same-class", "similarity", "hsic", "renyi", "frozen"]
"""Objectives whose class critic only reads the block."""
SHARES = torch.tensor([0.6, 0.3, 0.1])


def network(data: Dataset) -> nn.Sequential:
    with seeded(0, "test"):
        return mlp(data.dim_x, (16, 8), data.num_classes)


def fit(data: Dataset, model: nn.Sequential, epochs: int = 4, **settings: Any) -> FitResult:
    optim = OptimConfig(learning_rate=3e-2, batch_size=50, epochs=epochs)
    return LayerwiseTrainer(model, ObjectiveConfig(**settings), optim, progress=False).fit(data)


def made(name: str, shape: tuple[int, ...] = (5,), **settings: Any) -> BlockObjective:
    spec = BlockSpec(shape, SHARES.log(), index=0, count=3)
    config = ObjectiveConfig(name=name, **settings)
    return make_objective(name, nn.Identity(), spec, config)


@pytest.mark.parametrize(
    ("name", "order"),
    [(name, "simultaneous") for name in NEW] + [(name, "joint") for name in ("frozen", "renyi")],
)
def test_it_trains_all_blocks_at_once(toy: Dataset, name: str, order: str) -> None:
    model = network(toy)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    result = fit(toy, model, name=name, order=order)
    assert result.accuracies["test"] > (0.75 if name == "frozen" else 0.9)
    moved = {key for key, value in model.state_dict().items() if not value.equal(before[key])}
    hidden = {key for key in before if key.startswith("hidden")}
    assert moved & hidden == (set() if name == "frozen" else hidden)
    assert moved >= before.keys() - hidden


@pytest.mark.parametrize("name", ["frozen", "infonce", "hsic", "same-class"])
def test_the_last_hidden_block_may_predict(toy: Dataset, name: str) -> None:
    result = fit(toy, network(toy), name=name, readout="critic")
    assert result.accuracies["test"] > 0.75
    predicted = class_scores(result.network, result.readout, toy.test.x).argmax(1)
    assert result.accuracies["test"] == (predicted == toy.test.y).float().mean().item()


def test_dv_is_ib_without_compression(toy: Dataset) -> None:
    alone = fit(toy, network(toy), epochs=2, name="dv")
    of_ib = fit(toy, network(toy), epochs=2, name="ib", beta=0)
    assert [record.metrics for record in alone.history] == [r.metrics for r in of_ib.history]
    assert all("mi_xt" not in record.metrics for record in alone.history)


@pytest.mark.parametrize("name", ["nwj", "infonce", "smile", "squared-ib"])
def test_what_replaces_a_term_keeps_the_others(name: str) -> None:
    objective = made(name, beta=0.1, noise_std=0.5)
    noise = objective.draw(9, torch.Generator(), torch.device("cpu"))
    _, metrics = objective(torch.randn(9, 5), torch.arange(9) % 3, *noise)
    assert {*metrics} == {"mi_ty", "mi_xt", "train_accuracy"}
    assert not made(name, beta=0, predict_from="clean").noise_shapes


def problem(kind: type[InformationBottleneck]) -> Problem:
    """The problem of test_objective.py for a subclass."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("test_objective.InformationBottleneck", kind)
        return Problem()


def value(kind: type[InformationBottleneck], scores: Tensor, log_prior: Tensor) -> Tensor:
    arguments = label_scores(scores, LABELS, log_prior)
    if kind is NWJBottleneck:
        return nwj(*arguments)
    return smile(*arguments) if kind is SmileBottleneck else infonce_labels(scores, LABELS)[0]


@pytest.mark.parametrize("kind", [NWJBottleneck, InfoNCEBottleneck, SmileBottleneck])
def test_the_bound_takes_the_place_of_dv(kind: type[InformationBottleneck]) -> None:
    toy_problem = problem(kind)
    loss, metrics = toy_problem.evaluate()
    h, _ = toy_problem.noisy()
    readout = toy_problem.objective.readout
    expected = value(kind, readout.scores(h), readout.log_prior)
    torch.testing.assert_close(metrics["mi_hy"], expected.detach())
    torch.testing.assert_close(loss.detach(), -expected.detach() - metrics["mi_xt"])


@pytest.mark.parametrize("kind", [NWJBottleneck, InfoNCEBottleneck, SquaredInformationBottleneck])
def test_the_block_descends_minus_its_objective(kind: type[InformationBottleneck]) -> None:
    toy_problem = problem(kind)
    assert toy_problem.pair_critic is not None
    optimizer = torch.optim.Adam(toy_problem.pair_critic.parameters(), lr=0.03)
    for _ in range(30):
        optimizer.zero_grad()
        toy_problem.evaluate()[0].backward()
        optimizer.step()
    toy_problem.block.zero_grad()
    # the running average of the squared term becomes the value of this batch
    _, information = toy_problem.bounds()
    is_squared = kind is SquaredInformationBottleneck
    weight = 2 * BETA * information if is_squared else BETA
    assert information > 0.1
    toy_problem.evaluate()[0].backward()
    for parameter in toy_problem.block.parameters():
        for index in range(0, parameter.numel(), 3):
            slope_hy, slope_xt = toy_problem.slopes(parameter, index)
            assert parameter.grad is not None
            gradient = parameter.grad.view(-1)[index].item()
            assert gradient == pytest.approx(-(slope_hy - weight * slope_xt), abs=1e-7)


def test_smile_is_trained_by_jensen_shannon() -> None:
    toy_problem = problem(SmileBottleneck)
    scores = torch.randn(24, 3, dtype=torch.float64).requires_grad_()
    arguments = label_scores(scores, LABELS, toy_problem.objective.readout.log_prior)
    (found,) = torch.autograd.grad(toy_problem.objective.prediction(scores, LABELS), scores)
    (expected,) = torch.autograd.grad(smile.selection(*arguments), scores)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", ["dv", "nwj", "infonce", "smile"])
def test_the_readout_predicts_the_posterior(name: str) -> None:
    """Of three normal classes of unequal shares, by Bayes' rule."""
    torch.manual_seed(0)
    centres = torch.tensor([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5]])
    labels = torch.multinomial(SHARES, 20000, replacement=True)
    h = centres[labels] + torch.randn(20000, 2)
    # no linear critic is the log-ratio, which has the marginal density in it
    spec = BlockSpec((2,), SHARES.log(), index=0, count=3)
    config = ObjectiveConfig(name=name, beta=0, predict_from="clean", critic_width=64)
    objective = make_objective(name, nn.Identity(), spec, config)
    optimizer = torch.optim.Adam(objective.parameters(), lr=0.02)
    for step in range(200):
        part = slice(step % 20 * 1000, step % 20 * 1000 + 1000)
        optimizer.zero_grad()
        objective(h[part], labels[part])[0].backward()
        optimizer.step()
    found = objective.scores(h).softmax(1)
    expected = (-0.5 * torch.cdist(h, centres) ** 2 + SHARES.log()).softmax(1)
    # scores of DV are known up to a constant, which softmax removes
    assert (found - expected).abs().mean() < 0.015
    agreement = (found.argmax(1) == expected.argmax(1)).float().mean().item()
    assert agreement > 0.97


def test_infonce_predicts_alike_when_a_class_has_higher_scores() -> None:
    scores = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(50) % 3
    predictions = []
    for shift in (0.0, 5.0):
        objective = made("infonce")
        shifted = scores + torch.tensor([0.0, shift, 0.0])
        objective.prediction(shifted, labels)  # type: ignore[operator]
        predictions.append(objective.readout.posterior(shifted))  # type: ignore[operator]
    torch.testing.assert_close(*predictions)


@pytest.mark.parametrize("name", DETACHED)
def test_the_class_critic_only_reads_the_block(name: str) -> None:
    objective = made(name)
    h = torch.randn(9, 5, requires_grad=True)
    y = torch.arange(9) % 3
    noise = objective.draw(9, torch.Generator(), h.device)
    loss, metrics = objective.loss(h, h, y, *noise)
    (gradient,) = torch.autograd.grad(loss, h, allow_unused=True, retain_graph=True)
    (of_bound,) = torch.autograd.grad(loss, next(objective.readout.parameters()))
    assert of_bound.norm() > 0
    assert (gradient is None) == (name == "frozen")
    # scores that separate the classes less well change the block's gradient by nothing
    for parameter in objective.readout.parameters():
        parameter.data.mul_(0.1)
    loss, changed = objective.loss(h, h, y, *noise)
    assert changed["mi_ty"] != metrics["mi_ty"]
    if gradient is not None:
        torch.testing.assert_close(torch.autograd.grad(loss, h)[0], gradient)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_it_reads_feature_maps_in_lower_precision(name: str) -> None:
    weights = {} if name == "frozen" else {"same_class": 0.5, "similarity": 0.5}
    objective = made(name, (4, 6, 6), beta=1e-4, **weights)
    conv = nn.Conv2d(2, 4, 3, padding=1)
    x, y = torch.randn(12, 2, 6, 6), torch.arange(12) % 3
    noise = objective.draw(12, torch.Generator(), x.device)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, metrics = objective.checked_loss(x, conv(x), y, *noise)
    loss.backward()
    assert all(math.isfinite(metric) for metric in metrics.values())
    assert gradient_norm([*conv.parameters(), *objective.parameters()]).isfinite()


@pytest.mark.parametrize(("name", "metric"), [("hsic", "hsic_xh"), ("renyi", "renyi_xh")])
def test_gram_matrices_are_of_float32_in_lower_precision(name: str, metric: str) -> None:
    objective = made(name, (6,), beta=0.1)
    draws = torch.Generator().manual_seed(0)
    # seven bits of the products are not enough for distances of such samples
    h, x = (5 * torch.randn(40, 6, generator=draws) for _ in range(2))
    values, gradients = [], []
    for is_lower in (False, True):
        read = h.clone().requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_lower):
            loss, metrics = objective.loss(x, read, torch.arange(40) % 3)
        values.append(metrics[metric])
        gradients += torch.autograd.grad(loss, read)
    torch.testing.assert_close(values[1], values[0])
    torch.testing.assert_close(gradients[1], gradients[0])


def test_similarities_are_of_float32_in_lower_precision() -> None:
    term = SimilarityTerm(BlockSpec((6,), torch.zeros(3), 0, 2), 1.0)
    h, y = torch.randn(40, 6, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 3
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features = term.layer(h)
        _, metrics = term(h, y)
    targets = cosine_similarities(one_hot(y, 3))
    expected = nn.functional.mse_loss(cosine_similarities(features.float()), targets)
    torch.testing.assert_close(metrics["similarity_loss"], expected.detach(), rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("name", "setting"), [(name, setting) for name, used in UNUSED.items() for setting in used]
)
def test_a_weight_without_a_term_is_refused(name: str, setting: str) -> None:
    with pytest.raises(ConfigError, match=f"{setting}: got 0.5 with the objective {name}"):
        ObjectiveConfig(name=name, **{setting: 0.5})
    ObjectiveConfig(name=name, **{setting: 0.0})


def test_noise_is_needed_only_where_something_is_compressed() -> None:
    for name in OBJECTIVES:
        if name in (*UNUSED, "hsic", "renyi"):
            assert ObjectiveConfig(name=name, noise_std=0).output_objective == "dv"
        else:
            with pytest.raises(ConfigError, match="noise_std 0 with beta above 0"):
                ObjectiveConfig(name=name, noise_std=0)


@pytest.mark.parametrize(("weight", "message"), [(-1, "of 0 or more"), (2e12, "1e.12 or less")])
@pytest.mark.parametrize("setting", ["same_class", "similarity"])
def test_weights_are_checked(setting: str, weight: float, message: str) -> None:
    with pytest.raises(ConfigError, match=f"{setting}: got {weight}.*{message}"):
        ObjectiveConfig(**{setting: weight})  # type: ignore[arg-type]
