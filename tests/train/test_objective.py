"""The objective's signs, by finite differences."""

import math

import pytest
import torch
from torch import nn

from ibtrain.config import ObjectiveConfig
from ibtrain.mi.bounds.training import dv_labels
from ibtrain.train.objectives.base import BlockSpec, Metrics
from ibtrain.train.objectives.ib import InformationBottleneck

BETA = 0.3
LABELS = torch.arange(24) % 3
STEP = 1e-5


class Problem:
    """A block, its critics and a batch, all in float64 so that finite differences are sharp."""

    def __init__(self, beta: float = BETA, *, predict_noisy: bool = False) -> None:
        torch.manual_seed(0)
        # tanh, because finite differences across a ReLU's kink are not derivatives
        self.block = nn.Sequential(nn.Linear(4, 5), nn.Tanh())
        config = ObjectiveConfig(
            beta=(beta,),
            noise_std=(0.4,),
            predict_from="noisy" if predict_noisy else "clean",
            critic_width=6,
            pair_critic_width=6,
            ema_rate=1.0,
        )
        spec = BlockSpec((5,), torch.full((3,), 1 / 3).log(), index=0, count=3)
        self.objective = InformationBottleneck(self.block, spec, config).double()
        self.label_critic, self.pair_critic = (
            self.objective.readout.scores,
            self.objective.pair_critic,
        )
        self.label_critic[1] = nn.Tanh()  # type: ignore[operator]
        if self.pair_critic is not None:
            self.pair_critic.tail[0] = nn.Tanh()  # type: ignore[union-attr,operator]
        self.x = torch.randn(24, 4, dtype=torch.float64)

    def bounds(self) -> tuple[float, float]:
        """I(h; y) and I(x; t) on the batch, always with the same noise."""
        with torch.no_grad():
            _, metrics = self.evaluate()
        return self.prediction(metrics).item(), metrics["mi_xt"].item()

    def prediction(self, metrics: Metrics) -> torch.Tensor:
        return metrics["mi_ty" if self.objective.predict_noisy else "mi_hy"]

    def evaluate(self) -> tuple[torch.Tensor, Metrics]:
        noise = self.objective.draw(24, torch.Generator().manual_seed(7), self.x.device)
        return self.objective(self.x, LABELS, *noise)  # type: ignore[no-any-return]

    def noisy(self) -> tuple[torch.Tensor, torch.Tensor]:
        """h and t as an evaluation has them."""
        generator = torch.Generator().manual_seed(7)
        h = self.block(self.x)
        eps = torch.randn(h.shape, generator=generator)
        return h, h + 0.4 * eps

    def slopes(self, parameter: nn.Parameter, index: int) -> tuple[float, float]:
        """How both bounds change with one weight."""
        flat = parameter.data.view(-1)
        values = []
        for step in (STEP, -STEP):
            flat[index] += step
            values.append(self.bounds())
            flat[index] -= step
        return tuple((a - b) / (2 * STEP) for a, b in zip(*values, strict=True))  # type: ignore[return-value]


@pytest.mark.parametrize("predict_noisy", [False, True])
def test_the_block_descends_minus_j(predict_noisy: bool) -> None:
    problem = Problem(predict_noisy=predict_noisy)
    problem.evaluate()[0].backward()
    for parameter in problem.block.parameters():
        for index in range(0, parameter.numel(), 3):
            slope_hy, slope_xt = problem.slopes(parameter, index)
            assert parameter.grad is not None
            gradient = parameter.grad.view(-1)[index].item()
            assert gradient == pytest.approx(-(slope_hy - BETA * slope_xt), abs=1e-7)


def test_the_critics_ascend_their_own_bounds() -> None:
    problem = Problem()
    problem.evaluate()[0].backward()
    label, pair = problem.label_critic, problem.pair_critic
    assert pair is not None
    for critic, which in ((label, 0), (pair, 1)):
        for parameter in critic.parameters():
            for index in range(0, parameter.numel(), 5):
                slope = problem.slopes(parameter, index)[which]
                assert parameter.grad is not None
                gradient = parameter.grad.view(-1)[index].item()
                assert gradient == pytest.approx(-slope, abs=1e-7)


def test_without_beta_only_the_prediction_is_left() -> None:
    spec = BlockSpec((3,), torch.full((3,), 1 / 3).log(), 0, 1)
    objective = InformationBottleneck(nn.Identity(), spec, ObjectiveConfig(beta=(0.0,)))
    h = torch.randn(24, 3, generator=torch.Generator().manual_seed(0))
    assert objective.draw(24, torch.Generator(), torch.device("cpu")) == ()
    loss, metrics = objective(h, LABELS)
    expected = dv_labels(h, LABELS, spec.log_prior)
    assert "mi_xt" not in metrics
    torch.testing.assert_close(loss, -expected)


def test_the_compression_bound_is_dv_on_noisy_pairs_and_deranged_ones() -> None:
    problem = Problem()
    _, metrics = problem.evaluate()
    pair = problem.pair_critic
    assert pair is not None
    joint, marginal = pair(*problem.noisy())
    expected = joint.mean() - (marginal.logsumexp(0) - math.log(24))
    torch.testing.assert_close(metrics["mi_xt"], expected.detach())


def test_the_prediction_reads_what_it_was_told_to() -> None:
    for predict_noisy in (False, True):
        problem = Problem(predict_noisy=predict_noisy)
        loss, metrics = problem.evaluate()
        h, t = problem.noisy()
        scores = problem.label_critic(t if predict_noisy else h)
        expected = dv_labels(scores, LABELS, problem.objective.readout.log_prior)
        torch.testing.assert_close(problem.prediction(metrics), expected.detach())
        torch.testing.assert_close(loss.detach(), -expected.detach() - metrics["mi_xt"])
