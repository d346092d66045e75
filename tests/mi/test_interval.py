"""The interval of 95 %: it covers as often as it says, and contradicts neither zero nor a limit."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ibtrain.mi.registry import estimate
from ibtrain.mi.result import Estimate

RECORDS = Path(__file__).parents[2] / "benchmarks" / "records"


@pytest.mark.parametrize("method", ["mine", "ksg", "gaussian"])
def test_the_recorded_intervals_cover_as_often_as_they_say(method: str) -> None:
    rows = json.loads((RECORDS / f"coverage-{method}.json").read_text())["rows"]
    covered = []
    for row in rows:
        if not row["flags"]:
            low, high = Estimate(row["mi"], row["stderr"], method, row["ceiling"]).interval
            covered.append(low <= row["truth"] <= high)
    assert len(covered) > 200
    # with 1.96 standard errors 0.91 and 0.92 of the intervals cover
    assert 0.945 <= np.mean(covered) <= 0.985


@pytest.mark.slow
def test_intervals_of_a_closed_form_cover() -> None:
    """0.957 of 600 intervals of 1.96 standard errors covered; three standard errors of 150 draws are 0.05."""
    truth = -0.5 * math.log(1 - 0.6**2)
    covered = 0
    for draw in range(150):
        x, noise = np.random.default_rng(draw).standard_normal((2, 300))
        low, high = estimate(x, 0.6 * x + 0.8 * noise, "gaussian").interval
        covered += low <= truth <= high
    assert covered / 150 == pytest.approx(0.95, abs=0.05)


def test_it_is_symmetric_and_cut_at_zero() -> None:
    value = Estimate(0.5, 0.1, "ksg", 6.0)
    assert value.interval == pytest.approx((0.26, 0.74))
    assert replace(value, method="gaussian").interval == pytest.approx((0.304, 0.696))
    assert replace(value, mi=0.1).interval == pytest.approx((0.0, 0.34))
    assert replace(value, mi=-0.5).interval == (0.0, 0.0)


def test_it_has_no_upper_end_where_the_samples_can_show_no_more() -> None:
    saturated = Estimate(14.7, 0.1, "mine", 6.4, ("above_ceiling",))
    assert saturated.interval == (6.4, math.inf)
    near = Estimate(6.3, 0.1, "mine", 6.4, ("above_ceiling",))
    assert near.interval == pytest.approx((6.06, math.inf))
    assert Estimate(3.0, 0.1, "ksg", 6.4, ("deterministic",)).interval[1] == math.inf


def test_it_ends_at_the_entropy_of_a_label() -> None:
    value = Estimate(0.68, 0.01, "ksg", 0.69, ("above_label_entropy",), entropy=0.69)
    assert value.interval == pytest.approx((0.656, 0.69))
    assert replace(value, mi=0.8).interval == pytest.approx((0.69, 0.69))


def test_the_json_form_is_read_back() -> None:
    x, noise = np.random.default_rng(0).standard_normal((2, 200))
    value = estimate(x, x + noise > 0, steps=20, hidden=(8,), permutations=1)
    assert value.permutation is not None
    assert value.critics == 3
    assert Estimate.from_dict(json.loads(json.dumps(value.to_dict()))) == value
    old = {**value.to_dict(), "shuffled": value.to_dict()}
    assert Estimate.from_dict(old) == value


def test_the_counts_are_those_of_disjoint_samples() -> None:
    x, noise = np.random.default_rng(0).standard_normal((2, 1000))
    options = {"steps": 20, "hidden": (8,)}
    single = estimate(x, x + noise, **options)
    assert (single.n_train, single.n_select, single.n_test) == (700, 100, 200)
    assert (single.critics, single.n_control) == (1, 1000)
    alone = estimate(x, x + noise, base="none", **options)
    assert (alone.n_test, alone.n_control) == (200, 0)
    label = estimate(x, x + noise > 0, **options)
    assert (label.critics, label.n_test, label.n_control) == (3, 1000, 0)
    # a third of the samples reports to each critic
    assert label.n_train + label.n_select == 666
    assert single.seed == 0
