"""Bounds defined only in this file: the steps in CONTRIBUTING are enough to add one."""

import math

import numpy as np
import pytest
import torch
from pools import pair_pool, pooled
from torch import Tensor

from ibtrain.mi.bounds.base import Bound, Weights
from ibtrain.mi.bounds.grouped import ScoreBlock, read_groups, value_of_groups
from ibtrain.mi.bounds.pooled import LabelPool
from ibtrain.mi.bounds.registry import BOUNDS
from ibtrain.mi.neural.crossfit import fit_variational, variational
from ibtrain.mi.neural.fit import NeuralSettings
from ibtrain.mi.samples import check_samples


class ChiSquare(Bound):
    r"""Lower bound on Pearson's divergence, :math:`E_p[s] - E_q[s + s^2 / 4]`.

    References:
        Nowozin et al. (arXiv 1606.00709), table 2.
    """

    is_exponential = False

    def transform(self, scores: Tensor) -> Tensor:
        return scores + scores**2 / 4

    def combine(self, mean_term: Tensor, mean_rows: Tensor) -> Tensor:
        return mean_term - mean_rows


class Renyi(Bound):
    """A bound that uses the whole interface: exponential means and a term that depends on the row mean."""

    def transform(self, scores: Tensor) -> Tensor:
        return 2 * scores

    def term(self, joint: Tensor, rows: Tensor, others: int) -> Tensor:
        return joint + 0.1 * torch.tanh(rows) / others

    def combine(self, mean_term: Tensor, mean_rows: Tensor) -> Tensor:
        return mean_term - 0.5 * mean_rows + 0.01 * (mean_term * mean_rows).tanh()


NEW = [ChiSquare(), Renyi()]
SIZE = 40


def scores(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(SIZE, SIZE, generator=generator, dtype=torch.float64)


def rest(matrix: Tensor) -> Tensor:
    keep = ~torch.eye(len(matrix), dtype=torch.bool)
    return matrix[keep].view(len(matrix), -1)


def test_the_formula_is_the_formula() -> None:
    matrix = scores(0)
    joint, marginal = matrix.diagonal(), rest(matrix)
    expected = joint.mean() - (marginal + marginal**2 / 4).mean()
    assert ChiSquare()(joint, marginal).item() == pytest.approx(expected.item(), abs=1e-12)
    means = joint + 0.1 * torch.tanh((2 * marginal).exp().mean(1).log()) / (SIZE - 1)
    mean, log_mean = means.mean(), (2 * marginal).exp().mean().log()
    expected = mean - 0.5 * log_mean + 0.01 * (mean * log_mean).tanh()
    assert Renyi()(joint, marginal).item() == pytest.approx(expected.item(), abs=1e-12)


@pytest.mark.parametrize("bound", [*NEW, *BOUNDS.values()], ids=lambda bound: type(bound).__name__)
def test_every_evaluation_says_the_same(bound: Bound) -> None:
    """Evaluations on a batch, with weights, on a pool and on groups agree."""
    matrix = scores(0)
    joint, marginal = matrix.diagonal(), rest(matrix)
    value = bound(joint, marginal).item()
    equal = Weights(
        torch.full((SIZE,), -math.log(SIZE), dtype=torch.float64),
        torch.full(marginal.shape, -math.log(marginal.numel()), dtype=torch.float64),
    )
    assert bound(joint, marginal, equal).item() == pytest.approx(value, abs=1e-12)
    pool, group = pair_pool(matrix), ScoreBlock(matrix)
    assert pool.value(bound) == pytest.approx(value, abs=1e-12)
    assert group.value(bound) == pytest.approx(value, abs=1e-12)
    readings = pool.value_and_influence(bound), group.value_and_influence(bound)
    torch.testing.assert_close(*(reading.influence for reading in readings))
    assert value_of_groups([[group]], bound) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("bound", NEW, ids=lambda bound: type(bound).__name__)
def test_many_groups_say_what_one_pool_of_them_says(bound: Bound) -> None:
    matrices = [scores(seed) for seed in range(4)]
    whole = pooled([pair_pool(matrix) for matrix in matrices]).value_and_influence(bound)
    (reading,) = read_groups([[ScoreBlock(matrix)] for matrix in matrices], bound)
    assert reading.value == pytest.approx(whole.value, abs=1e-12)
    assert reading.stderr == pytest.approx(whole.stderr, rel=0.02)


@pytest.mark.parametrize("bound", NEW, ids=lambda bound: type(bound).__name__)
def test_labels_are_weighted_by_how_often_they_occur(bound: Bound) -> None:
    table, labels = scores(0)[:, :3], torch.arange(SIZE) % 3
    labels[:9] = 0
    marginal = table[:, labels]
    expected = bound(table[torch.arange(SIZE), labels], marginal)
    if isinstance(bound, ChiSquare):
        assert LabelPool(table, labels).value(bound) == pytest.approx(expected.item(), abs=1e-12)
    else:
        # its term depends on the number of values of y in a row
        assert LabelPool(table, labels).value(bound) == pytest.approx(expected.item(), abs=0.05)


def test_it_is_a_method_as_soon_as_it_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The critic is trained on the new bound; the divergence of a Gaussian pair is known."""
    monkeypatch.setitem(BOUNDS, "chi-square", ChiSquare())
    rho = 0.5
    x, noise = np.random.default_rng(0).standard_normal((2, 6000))
    samples = check_samples(x, rho * x + math.sqrt(1 - rho**2) * noise)
    settings = {"base": "none", "steps": 400, "folds": 1}
    result = variational(samples, method="chi-square", **settings)
    # Mehler's kernel: the chi-square divergence is rho^2 / (1 - rho^2)
    assert result.mi == pytest.approx(rho**2 / (1 - rho**2), abs=3 * result.stderr + 0.03)
    fold = fit_variational(samples, "chi-square", NeuralSettings(**settings)).folds[0]
    assert fold.fitted.best.select > 0.2
