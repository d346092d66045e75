"""Scores of samples by their indices."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from ibtrain.mi.bases import GaussianBase, ZeroBase
from ibtrain.mi.bounds import dv, dv_labels
from ibtrain.mi.critics import SeparableCritic
from ibtrain.mi.scorer import LabelScorer, PairScorer

INDEX = torch.tensor([7, 2, 11, 5])


def pair_scorer() -> tuple[PairScorer, SeparableCritic]:
    z = np.random.default_rng(0).standard_normal((20, 3))
    parts = torch.from_numpy(z).split([2, 1], dim=1)
    torch.manual_seed(0)
    critic = SeparableCritic(2, 1, (8,), 4)
    nn.init.normal_(critic.gains)
    x, y = (part.float() for part in parts)
    return PairScorer(x, y, GaussianBase(z, 2), *parts), critic


def test_a_batch_holds_its_true_pairs_and_every_other() -> None:
    scorer, critic = pair_scorer()
    joint, rest, _ = scorer.batch(critic, INDEX)
    scores = scorer.base.matrix(scorer.base_x[INDEX], scorer.base_y[INDEX])
    scores = scores.float() + critic.matrix(scorer.x[INDEX], scorer.y[INDEX])
    others = [[scores[i, j].item() for j in range(4) if j != i] for i in range(4)]
    torch.testing.assert_close(joint, scores.diagonal())
    torch.testing.assert_close(rest, torch.tensor(others))


@pytest.mark.parametrize("negatives", [1, 2])
def test_a_batch_may_hold_a_few_others_only(negatives: int) -> None:
    scorer, critic = pair_scorer()
    joint, rest, _ = replace(scorer, negatives=negatives).batch(critic, INDEX)
    scores = scorer.base.matrix(scorer.base_x[INDEX], scorer.base_y[INDEX])
    scores = scores.float() + critic.matrix(scorer.x[INDEX], scorer.y[INDEX])
    distances = {1: [1], 2: [1, 2]}[negatives]
    others = [[scores[i, (i + shift) % 4].item() for shift in distances] for i in range(4)]
    torch.testing.assert_close(joint, scores.diagonal())
    torch.testing.assert_close(rest, torch.tensor(others))


def test_a_pool_holds_the_same_scores_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer, critic = pair_scorer()
    joint, rest, weights = scorer.batch(critic, INDEX)
    monkeypatch.setattr("ibtrain.mi.scorer.BLOCK_PAIRS", 5)
    assert scorer.pool(critic, INDEX).value(dv) == pytest.approx(
        dv(joint, rest, weights).item(), abs=1e-5
    )


def test_many_samples_meet_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer, critic = pair_scorer()
    index = torch.arange(20)
    whole = scorer.pool(critic, index)
    monkeypatch.setattr("ibtrain.mi.scorer.GROUP", 8)
    grouped = scorer.pool(critic, index)
    assert grouped.marginal.shape == (20, 5)
    torch.testing.assert_close(grouped.joint, whole.joint)


def test_a_closed_form_scores_alone_unless_it_says_nothing() -> None:
    scorer, critic = pair_scorer()
    nn.init.zeros_(critic.gains)
    alone = scorer.closed_pool(INDEX)
    assert alone is not None
    assert alone.value(dv) == pytest.approx(scorer.pool(critic, INDEX).value(dv), abs=1e-6)
    silent = PairScorer(scorer.x, scorer.y, ZeroBase(), scorer.base_x, scorer.base_y)
    assert silent.closed_pool(INDEX) is None


def test_a_batch_of_labels_has_the_exact_marginal() -> None:
    torch.manual_seed(0)
    labels = torch.tensor([0, 1, 1, 2, 1, 0, 1, 1, 2, 1, 1, 0])
    log_prior = (torch.bincount(labels) / len(labels)).log()
    scorer = LabelScorer(torch.randn(12, 3), labels, log_prior)
    critic = nn.Linear(3, 3)
    expected = dv_labels(critic(scorer.x[INDEX]), labels[INDEX], log_prior)
    assert dv(*scorer.batch(critic, INDEX)).item() == pytest.approx(expected.item(), abs=1e-6)
