"""Tests of the rules by which a critic's value is flagged."""

import torch

from ibtrain.mi.neural.convergence import CurvePoint, has_memorised, have_risen, still_rises


def curve(*select: float) -> list[CurvePoint]:
    return [CurvePoint(100 * i, value, value) for i, value in enumerate(select)]


def test_a_curve_that_rises_at_its_end_has_not_converged() -> None:
    assert still_rises(curve(0.0, 0.5, 0.9, 1.0), scale=1.0)
    assert not still_rises(curve(0.0, 0.5, 0.98, 1.0), scale=1.0)
    # the tolerance is a share of a large value
    assert not still_rises(curve(0.0, 5.0, 9.9, 10.0), scale=10.0)
    # a fall is no rise
    assert not still_rises(curve(0.0, 1.0, 1.0, 0.5), scale=1.0)


def test_bounds_of_batches_that_rise_have_not_converged() -> None:
    steps = torch.linspace(0, 3, 30)
    # a mean of 1.5 in the second third, 2.5 in the last
    assert have_risen(torch.stack([steps, torch.ones(30)], dim=1)) == [True, False]
    # 9 % of 10 nats
    slow = torch.cat([torch.full((20,), 9.1), torch.full((10,), 10.0)])
    assert have_risen(slow.unsqueeze(1)) == [False]


def test_a_critic_that_says_more_of_its_own_samples_has_memorised_them() -> None:
    flat = curve(0.0, 1.0, 1.0, 1.0)
    assert has_memorised(flat, gap=0.2, stderr=0.01, scale=1.0)
    assert not has_memorised(flat, gap=0.2, stderr=0.05, scale=1.0)
    assert not has_memorised(flat, gap=0.2, stderr=0.01, scale=2.0)


def test_a_critic_that_falls_has_memorised_unless_the_closed_form_carries_it() -> None:
    assert has_memorised(curve(0.0, 1.0, 0.4), gap=0.0, stderr=0.1, scale=1.0)
    assert not has_memorised(curve(0.0, 1.0, 0.6), gap=0.0, stderr=0.1, scale=1.0)
    assert not has_memorised(curve(0.95, 1.0, 0.4), gap=0.0, stderr=0.1, scale=1.0)
