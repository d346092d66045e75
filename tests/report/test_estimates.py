"""Estimates as text."""

import math

from ibtrain.mi.result import Estimate
from ibtrain.report.estimates import describe


def test_a_value_beyond_what_the_samples_can_show_is_a_lower_limit() -> None:
    estimate = Estimate(7.0, 0.1, "mine", 6.2, ("above_ceiling",), n_train=100, n_test=500)
    assert "read it as more than 6.20" in describe(estimate)


def test_a_value_beyond_the_entropy_is_the_entropy() -> None:
    """No information about a label exceeds its entropy, so that the true value is not larger."""
    ceiling = math.log(3)
    estimate = Estimate(1.12, 0.01, "mine", ceiling, ("above_label_entropy",), entropy=ceiling)
    assert "read it as 1.10: the entropy limits the information" in describe(estimate)
    assert "more than" not in describe(estimate)


def test_a_value_below_its_ceiling_is_read_as_it_is() -> None:
    assert "read it" not in describe(Estimate(1.0, 0.1, "ksg", 6.2, n_test=500))
