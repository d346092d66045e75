"""Bounds on many groups of samples, evaluated one group at a time."""

import math

import pytest
import torch
from pools import pair_pool, pooled

from ibtrain.mi.bounds.base import Bound
from ibtrain.mi.bounds.grouped import ScoreBlock, read_groups, value_of_groups
from ibtrain.mi.bounds.pooled import LabelPool
from ibtrain.mi.bounds.registry import dv, infonce, js, likelihood, nwj, smile

BOUNDS = [dv, nwj, smile, js, infonce]
SIZE, GROUPS = 40, 6


def scores(seed: int, count: int = SIZE) -> torch.Tensor:
    """Returns scores of which some exceed SMILE's clipping threshold."""
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(count, count, generator=generator, dtype=torch.float64) - 2


@pytest.mark.parametrize("bound", BOUNDS)
def test_a_group_of_pairs_says_what_their_pool_says(bound: Bound) -> None:
    group, pool = ScoreBlock(scores(0)), pair_pool(scores(0))
    reading, expected = group.value_and_influence(bound), pool.value_and_influence(bound)
    assert reading.value == pytest.approx(expected.value, abs=1e-12)
    assert group.value(bound) == pytest.approx(expected.value, abs=1e-12)
    torch.testing.assert_close(reading.influence, expected.influence)


@pytest.mark.parametrize("bound", BOUNDS)
def test_scores_too_large_for_an_exponential_do_no_harm(bound: Bound) -> None:
    matrix = 400 * scores(0)
    reading = ScoreBlock(matrix).value_and_influence(bound)
    expected = pair_pool(matrix).value_and_influence(bound)
    assert reading.value == pytest.approx(expected.value, rel=1e-12)
    torch.testing.assert_close(reading.influence, expected.influence)


@pytest.mark.parametrize("bound", BOUNDS)
def test_many_groups_say_what_one_pool_of_them_says(bound: Bound) -> None:
    matrices = [scores(seed) for seed in range(GROUPS)]
    shifted = [matrix / 2 + torch.eye(SIZE) for matrix in matrices]
    groups = [[ScoreBlock(m), ScoreBlock(s)] for m, s in zip(matrices, shifted, strict=True)]
    readings = read_groups(groups, bound)
    whole = [
        pooled([pair_pool(m) for m in critic_scores]).value_and_influence(bound)
        for critic_scores in (matrices, shifted)
    ]
    for reading, expected in zip(readings, whole, strict=True):
        assert reading.value == pytest.approx(expected.value, abs=1e-12)
        # a single pool counts the differences between the groups' means as spread; measured: up to 0.5 %
        assert reading.stderr == pytest.approx(expected.stderr, rel=0.02)
    product, expected = (pair[0].influence @ pair[1].influence for pair in (readings, whole))
    assert product.item() == pytest.approx(expected.item(), rel=0.05)
    assert value_of_groups(([first] for first, _ in groups), bound) == readings[0].value
    # four numbers per group for two critics, whatever the size of the group
    assert len(readings[0].influence) == 4 * GROUPS


def test_an_outlier_in_one_group_is_no_more_than_its_share_of_the_partition() -> None:
    matrices = [scores(seed) for seed in range(GROUPS)]
    matrices[2][3, 5] = 30.0
    (reading,) = read_groups([[ScoreBlock(matrix)] for matrix in matrices], dv)
    expected = pooled([pair_pool(matrix) for matrix in matrices]).value_and_influence(dv)
    mean_of_values = sum(pair_pool(matrix).value(dv) for matrix in matrices) / GROUPS
    assert reading.value == pytest.approx(expected.value, abs=1e-12)
    assert mean_of_values > reading.value + 5
    assert reading.stderr == pytest.approx(expected.stderr, rel=0.02)


def test_one_group_is_read_as_it_is() -> None:
    pool = pair_pool(scores(0))
    (reading,) = read_groups([[pool]], dv)
    assert reading.value == pool.value_and_influence(dv).value
    assert reading.influence.tolist() == pool.value_and_influence(dv).influence.tolist()
    assert value_of_groups([[pool]], dv) == pool.value(dv)


@pytest.mark.parametrize("bound", [dv, nwj, smile, likelihood])
def test_groups_of_labels_say_what_all_samples_say(bound: Bound) -> None:
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(8000, 3, generator=generator, dtype=torch.float64)
    labels = torch.randint(3, (8000,), generator=generator)
    parts = [LabelPool(t, y) for t, y in zip(table.split(1600), labels.split(1600), strict=True)]
    (reading,) = read_groups(([part] for part in parts), bound)
    expected = LabelPool(table, labels).value_and_influence(bound)
    # classes are as frequent as they are in each group
    assert reading.value == pytest.approx(expected.value, abs=0.1 * expected.stderr)
    assert reading.stderr == pytest.approx(expected.stderr, rel=0.01)
    assert math.isfinite(reading.value)


@pytest.mark.parametrize("bound", BOUNDS)
def test_scores_may_be_of_single_precision(bound: Bound) -> None:
    matrix = scores(0)
    expected = ScoreBlock(matrix).value_and_influence(bound)
    for group in (ScoreBlock(matrix.float()), pair_pool(matrix.float())):
        reading = group.value_and_influence(bound)
        assert reading.value == pytest.approx(expected.value, rel=1e-4)
        assert reading.stderr == pytest.approx(expected.stderr, rel=1e-3)


def test_scaling_a_group_scales_its_scores() -> None:
    matrix = torch.randn(7, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert ScoreBlock(matrix).scaled(0.5).value(dv) == ScoreBlock(0.5 * matrix).value(dv)
    assert ScoreBlock(matrix).scaled(0.0).value(dv) == pytest.approx(0.0, abs=1e-12)


def test_counting_own_pairs_bounds_what_the_samples_tell() -> None:
    matrix = 9 * torch.eye(8, dtype=torch.float64) + scores(0)[:8, :8]
    alone = ScoreBlock(matrix, population=8)
    # every pair of the eight samples has the same weight
    expected = matrix.diagonal().mean() - matrix.flatten().logsumexp(0) + math.log(64)
    assert alone.value(dv) == pytest.approx(expected.item())
    assert alone.value(dv) < math.log(8) < ScoreBlock(matrix).value(dv)
    # eight samples of a population of eighty: each other pair represents 79 / 7 pairs
    true_mean = matrix.diagonal().exp().mean()
    other_mean = (matrix.exp().sum() - 8 * true_mean) / 56
    expected = matrix.diagonal().mean() - ((true_mean + 79 * other_mean) / 80).log()
    assert ScoreBlock(matrix, population=80).value(dv) == pytest.approx(expected.item())
    assert ScoreBlock(matrix, population=80).scaled(1.0).value(dv) == pytest.approx(expected.item())


def test_the_influence_counts_own_pairs() -> None:
    group = ScoreBlock(scores(0) + 4 * torch.eye(len(scores(0))), population=500)
    step, count = 1e-5, len(scores(0))
    influence = group.value_and_influence(dv).influence
    for sample in (0, 3):
        moved = torch.zeros(2, count, dtype=torch.float64)
        moved[0, sample], moved[1, sample] = step, -step
        up, down = (dv.combine(*group.means(dv, weights)) for weights in moved)
        expected = (up - down) / (2 * step) * math.sqrt(count / (count - 1))
        assert influence[sample].item() == pytest.approx(expected.item(), rel=1e-5)
