"""The objective's signs, by finite differences."""

import math

import pytest
import torch
from torch import nn

from ibtrain.mi.critics import ClassCritic, PairCritic
from ibtrain.mi.noise import GaussianNoise
from ibtrain.mi.training_bounds import dv_labels
from ibtrain.train.objective import BlockWithCritics, IBObjective, ObjectiveTerms

BETA = 0.3
LABELS = torch.arange(24) % 3
STEP = 1e-5


class Problem:
    """A block, its critics and a batch, all in float64 so that finite differences are sharp."""

    def __init__(self, beta: float = BETA, *, predict_noisy: bool = False) -> None:
        torch.manual_seed(0)
        # tanh, because finite differences across a ReLU's kink are not derivatives
        self.block = nn.Sequential(nn.Linear(4, 5), nn.Tanh()).double()
        pair = PairCritic(5, 5, [6])
        pair.tail[0] = nn.Tanh()
        label = ClassCritic(5, 3, [6])
        label[1] = nn.Tanh()
        self.member = BlockWithCritics(
            self.block, label, pair, GaussianNoise(0.4), beta=beta, predict_noisy=predict_noisy
        )
        log_prior = torch.full((3,), 1 / 3).log()
        self.objective = IBObjective([self.member], 5, log_prior).double()
        self.x = torch.randn(24, 4, dtype=torch.float64)

    def bounds(self) -> tuple[float, float]:
        """I(h; y) and I(x; t) on the batch, always with the same noise."""
        with torch.no_grad():
            terms = self.evaluate()
        assert terms.mi_xt is not None
        return terms.prediction.item(), terms.mi_xt.item()

    def evaluate(self) -> ObjectiveTerms:
        generator = torch.Generator().manual_seed(7)
        return self.objective(self.x.unsqueeze(0), LABELS.unsqueeze(0), [generator])

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
    problem.evaluate().loss.backward()
    for parameter in problem.block.parameters():
        for index in range(0, parameter.numel(), 3):
            slope_hy, slope_xt = problem.slopes(parameter, index)
            assert parameter.grad is not None
            gradient = parameter.grad.view(-1)[index].item()
            assert gradient == pytest.approx(-(slope_hy - BETA * slope_xt), abs=1e-7)


def test_the_critics_ascend_their_own_bounds() -> None:
    problem = Problem()
    problem.evaluate().loss.backward()
    label, pair = problem.member.label_critic, problem.member.pair_critic
    assert pair is not None
    for critic, which in ((label, 0), (pair, 1)):
        for parameter in critic.parameters():
            for index in range(0, parameter.numel(), 5):
                slope = problem.slopes(parameter, index)[which]
                assert parameter.grad is not None
                gradient = parameter.grad.view(-1)[index].item()
                assert gradient == pytest.approx(-slope, abs=1e-7)


def test_without_a_pair_critic_only_the_prediction_is_left() -> None:
    member = BlockWithCritics(nn.Identity(), nn.Identity(), None, GaussianNoise(0.5), beta=0.0)
    objective = IBObjective([member], 3, torch.full((3,), 1 / 3).log())
    h = torch.randn(24, 3, generator=torch.Generator().manual_seed(0))
    terms = objective(h.unsqueeze(0), LABELS.unsqueeze(0), [torch.Generator().manual_seed(0)])
    expected = dv_labels(h, LABELS, objective.log_prior)
    assert terms.mi_xt is None
    torch.testing.assert_close(terms.loss, -expected)


def test_the_compression_bound_is_dv_on_noisy_pairs_and_deranged_ones() -> None:
    problem = Problem()
    terms = problem.evaluate()
    pair = problem.member.pair_critic
    assert pair is not None
    joint, marginal = pair(*problem.noisy())
    expected = joint.mean() - (marginal.logsumexp(0) - math.log(24))
    assert terms.mi_xt is not None
    torch.testing.assert_close(terms.mi_xt[0], expected.detach())


def test_the_prediction_reads_what_it_was_told_to() -> None:
    for predict_noisy in (False, True):
        problem = Problem(predict_noisy=predict_noisy)
        terms = problem.evaluate()
        h, t = problem.noisy()
        scores = problem.member.label_critic(t if predict_noisy else h)
        expected = dv_labels(scores, LABELS, problem.objective.log_prior)
        torch.testing.assert_close(terms.prediction[0], expected.detach())
