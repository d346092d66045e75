"""Estimates as text: nothing contradicts itself, whatever the value."""

import math

import pytest

from ibtrain.mi.permutation import PermutationTest
from ibtrain.mi.result import FLAGS, Estimate
from ibtrain.report.estimates import describe


def text_of(estimate: Estimate, **options: object) -> str:
    """The description in one line."""
    return " ".join(describe(estimate, **options).split())  # type: ignore[arg-type]


def test_a_value_beyond_what_the_samples_can_show_is_a_lower_limit() -> None:
    estimate = Estimate(14.7, 0.1, "mine", 6.4, ("above_ceiling",), 2100, 600)
    first = describe(estimate).splitlines()[0]
    assert first.startswith("I(x; y) is at least 6.400 nats: these samples can't resolve larger")
    assert "the method returned 14.700 ± 0.100" in text_of(estimate)
    assert "at most" not in text_of(estimate)
    assert "limit: these samples resolve values up to 6.400 nats" in text_of(estimate)
    infinite = Estimate(5.0, 0.1, "ksg", 6.4, ("deterministic",), n_test=600)
    assert text_of(infinite).startswith("I(x; y) is infinite: one side is a function of the other")


def test_a_value_beyond_the_entropy_is_the_entropy() -> None:
    """No information about a label exceeds its entropy, so that the true value is not larger."""
    ceiling = math.log(3)
    estimate = Estimate(1.12, 0.01, "mine", ceiling, ("above_label_entropy",), entropy=ceiling)
    text = text_of(estimate)
    assert text.startswith("I(x; y) = 1.099 nats: all of the entropy (the method returned 1.120")
    assert "limit: 1.099 nats, the entropy of the label" in text
    assert "at least" not in text


def test_a_value_below_its_ceiling_has_an_interval() -> None:
    estimate = Estimate(1.0, 0.1, "ksg", 6.2, n_test=1500)
    text = text_of(estimate, x="height", y="a,b")
    assert text.startswith(
        "I(height; a,b) = 1.000 ± 0.100 nats, 95 % interval 0.760 to 1.240 ksg: 1,500 samples"
    )
    assert "returned" not in text


def test_the_samples_are_those_that_did_each_part() -> None:
    single = Estimate(
        1.0, 0.1, "mine", 6.2, n_train=2100, n_test=600, n_select=300, n_control=3000, critics=1
    )
    assert (
        "mine: 2,100 samples trained a critic, 300 others chose its checkpoint, 600 others "
        "reported; its closed form reported on all 3,000 (control variate)" in text_of(single)
    )
    several = Estimate(1.0, 0.1, "mine", 2.0, n_train=1750, n_test=3000, n_select=250, critics=3)
    assert (
        "mine: 3 critics, each trained on 1,750 samples and selected on 250; each of 3,000 samples "
        "reported once, to a critic that had not seen it" in text_of(several)
    )


def test_what_was_asked_for_is_there() -> None:
    estimate = Estimate(
        1.0, 0.1, "ksg", 6.2, tuple(FLAGS),
        n_test=500, unit="bits", seconds=1.25, seed=7, version="0.1.0",
        permutation=PermutationTest(0.005, -0.002, 0.014, 199), read_as={"x": "how", "y": "so"},
    )  # fmt: skip
    text = text_of(estimate, normalized=True)
    assert "permutation test: p = 0.005 (199 shuffles of y" in text
    assert "mean -0.0020 ± 0.0010 bits" in text
    assert "seed 7, ibtrain 0.1.0, 1.2 s" in text
    assert "x: how y: so" in text
    assert "normalized" in text
    for flag, meaning in FLAGS.items():
        assert f"{flag}: {meaning}" in text
    assert max(map(len, describe(estimate).splitlines())) <= 80


@pytest.mark.parametrize("name", ["x" * 200, "\x1b[2J"])
def test_names_from_files_are_printed_safely(name: str) -> None:
    text = describe(Estimate(1.0, 0.1, "ksg", 6.2, n_test=500), x=name)
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80
