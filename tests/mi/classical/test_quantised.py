"""Quantised activations against rounding by hand, and against torch's own quantisation."""

import numpy as np
import pytest
import torch

from ibtrain.mi.classical.quantised import quantise


@pytest.mark.parametrize("bits", [4, 8])
def test_levels_are_those_of_torchs_fake_quantisation(bits: int) -> None:
    """Of non-negative activations, whose 0 torch keeps exactly."""
    generator = torch.Generator().manual_seed(0)
    h = torch.relu(torch.randn(200, 7, generator=generator))
    scale = h.max().item() / (2**bits - 1)
    rounded = torch.fake_quantize_per_tensor_affine(h, scale, 0, 0, 2**bits - 1)
    levels = quantise(h.numpy(), bits)
    np.testing.assert_allclose(levels * scale, rounded.numpy(), atol=1e-5)
    assert set(np.unique(levels)) <= set(range(2**bits))


def test_both_ends_are_levels_whatever_the_range() -> None:
    h = np.array([[-3e38, 0.0, 3e38]], dtype=np.float32)
    assert quantise(h, 1).tolist() == [[0, 0, 1]]
    assert quantise(h, 2)[0, [0, 2]].tolist() == [0, 3]


def test_a_constant_layer_has_one_level() -> None:
    assert quantise(np.full((3, 2), 7.0), 8).tolist() == [[0, 0]] * 3
