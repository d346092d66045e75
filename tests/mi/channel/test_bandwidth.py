"""The fitted bandwidth against a closed form and a slow search."""

import math

import pytest
import torch

from ibtrain.mi.channel.bandwidth import SEARCH_RANGE, fitted_bandwidth


def test_two_samples_have_a_closed_form() -> None:
    """The derivative of d log s + D² / (2 s²) is zero at s = D / sqrt(d)."""
    h = torch.zeros(2, 9)
    h[1, 0] = 3.0
    bandwidth, is_at_end = fitted_bandwidth(h)
    assert bandwidth == pytest.approx(1.0, rel=1e-3)
    assert not is_at_end


@pytest.mark.parametrize("dim", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_it_has_the_largest_leave_one_out_likelihood(dim: int) -> None:
    h = torch.randn(40, dim, generator=torch.Generator().manual_seed(dim)).double()

    def likelihood(s: float) -> float:
        total = 0.0
        for i, one in enumerate(h):
            others = [float(((one - h[j]) ** 2).sum()) for j in range(len(h)) if j != i]
            density = sum(math.exp(-square / (2 * s * s)) for square in others) / len(others)
            total += math.log(density + 1e-300) - dim * math.log(s)
        return total

    slow = max((0.05 * 1.02**k for k in range(180)), key=likelihood)
    assert fitted_bandwidth(h)[0] == pytest.approx(slow, rel=0.02)


def test_samples_that_all_have_a_copy_have_no_best_bandwidth() -> None:
    h = torch.randn(30, 4, generator=torch.Generator().manual_seed(0)).repeat(2, 1)
    bandwidth, is_at_end = fitted_bandwidth(h)
    radius = float((h - h.mean(dim=0)).square().sum(dim=1).mean().sqrt())
    assert is_at_end
    assert bandwidth == pytest.approx(SEARCH_RANGE[0] * radius, rel=1e-2)


def test_a_constant_layer_has_any_bandwidth() -> None:
    assert fitted_bandwidth(torch.ones(5, 2)) == (1.0, True)
