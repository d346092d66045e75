"""Verdicts on estimates and bounds of problems with a known answer."""

from typing import Any

import numpy as np
import pytest

from ibtrain.mi.benchmark import validate as module
from ibtrain.mi.benchmark.problems import PROBLEMS
from ibtrain.mi.benchmark.validate import UNCERTAIN, validate
from ibtrain.mi.channel.bounds import ChannelBounds
from ibtrain.mi.result import Estimate


def estimate(mi: float, stderr: float) -> Estimate:
    return Estimate(mi, stderr, "ksg", 6.0)


def verdict(monkeypatch: pytest.MonkeyPatch, problem: str, error: float, stderr: float) -> str:
    """The verdict on an estimate with a given error."""
    result = estimate(PROBLEMS[problem].mi + error, stderr)
    monkeypatch.setattr(module, "estimate_problem", lambda *_, **__: result)
    (answer,) = validate([problem], ["ksg"], count=100)
    assert answer.to_dict()["verdict"] == answer.verdict
    return answer.verdict


@pytest.mark.parametrize(
    "problem", ["independent-3", "gaussian-1", "gaussian-3", "gaussian-20-mi-6"]
)
@pytest.mark.parametrize("stderr", [0.0, 0.01, 0.1, 0.166, 0.167, 0.3, 0.5, 1.9, 2.1])
def test_an_estimate_agrees_only_if_zero_or_half_a_nat_more_would_not(
    monkeypatch: pytest.MonkeyPatch, problem: str, stderr: float
) -> None:
    truth = PROBLEMS[problem].mi
    far = -truth if truth > 0.5 else 0.5
    alternative = verdict(monkeypatch, problem, far, stderr)
    expected = "agrees" if alternative in ("low", "high") else UNCERTAIN
    assert verdict(monkeypatch, problem, 0.0, stderr) == expected
    # what disagrees beyond doubt does so however large its standard error is
    assert verdict(monkeypatch, problem, -3.1 * stderr - 0.1, stderr) == "low"
    assert verdict(monkeypatch, problem, 3.1 * stderr + 0.1, stderr) == "high"


def test_the_boundary_is_where_three_standard_errors_reach_the_truth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truth = PROBLEMS["gaussian-3"].mi
    assert truth > 0.5
    assert verdict(monkeypatch, "gaussian-3", 0.1, 0.99 * truth / 3) == "agrees"
    assert verdict(monkeypatch, "gaussian-3", 0.1, 1.01 * truth / 3) == UNCERTAIN
    assert verdict(monkeypatch, "independent-3", 0.1, 0.99 / 6) == "agrees"
    assert verdict(monkeypatch, "independent-3", 0.1, 1.01 / 6) == UNCERTAIN


@pytest.mark.parametrize("side", [0, 2])
def test_a_bound_holds_only_if_it_could_be_broken(
    monkeypatch: pytest.MonkeyPatch, side: int
) -> None:
    problem = PROBLEMS["linear-layer"]

    def verdicts(excess: float, stderr: float) -> list[str]:
        lower, upper = (
            estimate(problem.mi + (excess if i == side else -0.1) * (1 if i == 0 else -1), stderr)
            for i in (0, 2)
        )
        bounds = ChannelBounds(lower, estimate(problem.mi, 0.01), upper, {})
        monkeypatch.setattr(module, "channel_bounds", lambda *_, **__: bounds)
        answers: list[Any] = list(validate(["linear-layer"], [], count=100))
        return [answer.verdict for answer in answers]

    assert verdicts(-0.2, 0.01)[side] == "holds"
    assert verdicts(0.2, 0.01)[side] == "broken"
    assert verdicts(-0.2, problem.mi)[side] == UNCERTAIN
    assert verdicts(4 * problem.mi, problem.mi)[side] == "broken"


def test_nearest_neighbours_in_too_many_dimensions_tell_nothing() -> None:
    """Six and ten dimensions, 1,000 samples: a standard error of about 2 nats for 2.1 nats."""
    (answer, *_) = validate(["linear-layer"], ["ksg"], count=1000)
    assert answer.verdict == UNCERTAIN
    assert 3 * answer.estimate.stderr > answer.truth > np.abs(answer.estimate.mi - answer.truth)
