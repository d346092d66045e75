"""Differences of accuracies against scipy's tests, and the coverage of their intervals."""

import math

import numpy as np
import pytest
from scipy import stats

from ibtrain.runs.differences import difference


def test_the_paired_interval_is_that_of_the_t_test() -> None:
    first, second = np.random.default_rng(0).normal(0.9, 0.01, (2, 7))
    found = difference(dict(enumerate(first)), dict(enumerate(second)))
    expected = stats.ttest_rel(first, second).confidence_interval(0.95)
    assert found is not None
    assert (found.kind, found.counts) == ("paired", (7, 7))
    assert found.value == pytest.approx(np.mean(first - second))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_without_common_seeds_the_interval_is_welchs() -> None:
    generator = np.random.default_rng(1)
    first, second = generator.normal(0.9, 0.01, 4), generator.normal(0.8, 0.05, 6)
    found = difference(dict(enumerate(first)), {10 + k: v for k, v in enumerate(second)})
    expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert found is not None
    assert (found.kind, found.counts) == ("unpaired", (4, 6))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_the_interval_covers_the_true_difference() -> None:
    generator = np.random.default_rng(1)
    inside = 0
    for _ in range(1000):
        first, second = generator.normal([[0.5], [0.0]], 1, (2, 5))
        found = difference(dict(enumerate(first)), dict(enumerate(second)))
        assert found is not None
        inside += found.low <= 0.5 <= found.high
    # 950 expected, standard deviation 7
    assert 925 <= inside <= 975


def test_only_common_seeds_are_paired_and_a_single_one_has_no_interval() -> None:
    single = difference({0: 0.5, 1: 0.75}, {1: 0.5})
    assert single is not None
    assert (single.value, single.counts, single.has_interval) == (0.25, (1, 1), False)
    assert math.isinf(single.high)
    unpaired = difference({0: 0.5}, {1: 0.25, 2: 0.25})
    assert unpaired is not None
    assert (unpaired.value, unpaired.counts, unpaired.has_interval) == (0.25, (1, 2), False)
    assert difference({}, {1: 0.5}) is None
