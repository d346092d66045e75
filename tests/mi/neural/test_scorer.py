"""Tests of the scores of samples."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from ibtrain.mi.bounds.registry import dv, infonce
from ibtrain.mi.bounds.training import dv_labels
from ibtrain.mi.marginals import Standardised
from ibtrain.mi.neural.critics import SeparableCritic
from ibtrain.mi.neural.inputs import fit_inputs
from ibtrain.mi.neural.label_scorer import LabelScorer
from ibtrain.mi.neural.log_ratios import GaussianLogRatio, Independent
from ibtrain.mi.neural.scorer import PairScorer
from ibtrain.mi.samples import Samples

INDEX = torch.tensor([7, 2, 11, 5])


SAMPLES = Samples(*np.split(np.random.default_rng(0).standard_normal((20, 3)), [2], axis=1))


def pair_scorer() -> tuple[PairScorer, SeparableCritic]:
    both = np.hstack([SAMPLES.x, SAMPLES.y])
    marginals = Standardised(both)
    z = marginals(both)
    torch.manual_seed(0)
    inputs = fit_inputs(z, 2)
    critic = SeparableCritic(inputs[0].dim, inputs[1].dim, (8,), 4)
    nn.init.normal_(critic.gains)
    return PairScorer.at(
        z, 2, GaussianLogRatio(z, 2), inputs, marginals, torch.device("cpu")
    ), critic


def test_a_batch_holds_its_true_pairs_and_every_other() -> None:
    scorer, critic = pair_scorer()
    joint, marginal, _ = scorer.batch(critic, INDEX)
    scores = scorer.base.matrix(scorer.base_x[INDEX], scorer.base_y[INDEX])
    scores = scores.float() + critic.matrix(scorer.x[INDEX], scorer.y[INDEX])
    others = [[scores[i, j].item() for j in range(4) if j != i] for i in range(4)]
    torch.testing.assert_close(joint, scores.diagonal())
    torch.testing.assert_close(marginal, torch.tensor(others))


@pytest.mark.parametrize("negatives", [1, 2])
def test_a_batch_may_hold_a_few_others_only(negatives: int) -> None:
    scorer, critic = pair_scorer()
    joint, marginal, _ = replace(scorer, negatives=negatives).batch(critic, INDEX)
    scores = scorer.base.matrix(scorer.base_x[INDEX], scorer.base_y[INDEX])
    scores = scores.float() + critic.matrix(scorer.x[INDEX], scorer.y[INDEX])
    shifts = {1: [1], 2: [1, 2]}[negatives]
    others = [[scores[i, (i + shift) % 4].item() for shift in shifts] for i in range(4)]
    torch.testing.assert_close(joint, scores.diagonal())
    torch.testing.assert_close(marginal, torch.tensor(others))


def test_a_value_is_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer, critic = pair_scorer()
    expected = dv(*scorer.batch(critic, INDEX)).item()
    monkeypatch.setattr("ibtrain.mi.neural.scorer.BLOCK_PAIRS", 5)
    assert scorer.value(critic, INDEX, dv) == pytest.approx(expected, abs=1e-5)


def test_many_samples_meet_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer, critic = pair_scorer()
    index = torch.arange(20)
    readings = [scorer.read([critic], group, infonce) for group in index.tensor_split(4)]
    monkeypatch.setattr("ibtrain.mi.neural.scorer.GROUP_SIZE", 5)
    (reading,) = scorer.read([critic], index, infonce)
    expected = np.mean([reading.value for (reading,) in readings])
    assert reading.value == pytest.approx(expected, abs=1e-12)
    assert scorer.value(critic, index, infonce) == pytest.approx(expected, abs=1e-12)


def test_a_closed_form_scores_alone_unless_it_says_nothing() -> None:
    scorer, critic = pair_scorer()
    nn.init.zeros_(critic.gains)
    assert scorer.has_closed_form
    value = scorer.value(critic, INDEX, dv)
    assert scorer.value(None, INDEX, dv) == pytest.approx(value, abs=1e-6)
    assert not replace(scorer, base=Independent()).has_closed_form


def test_other_samples_get_the_same_coordinates_and_form() -> None:
    scorer, critic = pair_scorer()
    subset = SAMPLES.take(INDEX.numpy())
    value = scorer.of(subset).value(critic, torch.arange(4), dv)
    assert value == scorer.value(critic, INDEX, dv)


def test_a_batch_of_labels_has_the_exact_marginal() -> None:
    torch.manual_seed(0)
    labels = torch.tensor([0, 1, 1, 2, 1, 0, 1, 1, 2, 1, 1, 0])
    log_prior = (torch.bincount(labels) / len(labels)).log()
    z = torch.randn(12, 3).double().numpy()
    scorer = LabelScorer.at(z, Samples(z, z, labels.numpy(), 3), Standardised(z), log_prior)
    critic = nn.Linear(3, 3)
    expected = dv_labels(critic(scorer.x[INDEX]), labels[INDEX], log_prior)
    assert dv(*scorer.batch(critic, INDEX)).item() == pytest.approx(expected.item(), abs=1e-6)
