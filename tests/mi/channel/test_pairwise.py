"""Pairwise values with labels against loops and against the exact values."""

import math

import pytest
import torch

from ibtrain.mi.channel.exact import channel_mi
from ibtrain.mi.channel.pairwise import BHATTACHARYYA, KL, pairwise_bounds


def layer(count: int = 120, dim: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 3
    h = torch.randn(count, dim, generator=generator) + 2.0 * labels.unsqueeze(1)
    return h, labels


def slow_bound(h: torch.Tensor, sigma: float, share: float) -> float:
    total = 0.0
    for one in h.double():
        kernels = [math.exp(-share * ((one - other) ** 2).sum() / (2 * sigma**2)) for other in h]
        total -= math.log(sum(kernels) / len(h))
    return total / len(h)


@pytest.mark.parametrize("share", [BHATTACHARYYA, KL])
def test_both_values_agree_with_loops(share: float) -> None:
    """Also in blocks, and where some samples are so far apart that their kernels underflow."""
    h, labels = layer()
    h[::20] *= 1000
    values = pairwise_bounds(h, 0.8, labels)[share == KL]
    assert values.mi_xt.mi == pytest.approx(slow_bound(h, 0.8, share), abs=1e-5)
    assert values.mi_ty is not None
    within = sum(slow_bound(h[labels == c], 0.8, share) / 3 for c in range(3))
    assert values.mi_ty.mi == pytest.approx(slow_bound(h, 0.8, share) - within, abs=1e-5)
    assert values.mi_ty.ceiling == pytest.approx(math.log(3))


def test_the_exact_value_lies_between_the_bounds() -> None:
    h, labels = layer(600)
    exact = channel_mi(h, 1.0, labels)
    lower, upper = pairwise_bounds(h, 1.0, labels)
    assert lower.mi_xt.mi < exact.mi_xt.mi < upper.mi_xt.mi
    assert exact.mi_ty is not None
    # 0.81 and 1.00 where 0.85 is exact: differences of bounds, and no bounds themselves
    for values in (lower, upper):
        assert values.mi_ty is not None
        assert values.mi_ty.mi == pytest.approx(exact.mi_ty.mi, abs=0.2)


def test_classes_that_are_far_apart_are_known_without_doubt() -> None:
    h, labels = layer()
    values = pairwise_bounds(h + 100.0 * labels.unsqueeze(1), 1.0, labels).upper
    assert values.mi_ty is not None
    assert values.mi_ty.mi == pytest.approx(math.log(3), abs=1e-4)  # float32
    assert "above_label_entropy" in values.mi_ty.flags


def test_a_class_without_samples_changes_nothing() -> None:
    h, labels = layer()
    gap = torch.where(labels == 2, 5, labels)
    values, expected = (pairwise_bounds(h, 0.8, y).upper for y in (gap, labels))
    assert values.mi_ty is not None
    assert expected.mi_ty is not None
    assert values.mi_ty.mi == pytest.approx(expected.mi_ty.mi, abs=1e-6)
