"""Gradients that are changed on their way."""

import math

import pytest
import torch
from torch.func import vmap

from ibtrain.backend.gradients import gradient_norm, scale_gradient


@pytest.mark.parametrize("scale", [-1e-3, 0.2, 0.0, 1.0, 700.0, torch.tensor(2.5)])
def test_a_scaled_gradient_leaves_the_value_as_it_is(scale: float | torch.Tensor) -> None:
    tensor = torch.randn(30, generator=torch.Generator().manual_seed(0)).requires_grad_()
    result = scale_gradient(tensor, scale)
    (3 * result).sum().backward()
    assert torch.equal(result, tensor)
    # 1 - (1 - scale) is rounded at the size of 1
    torch.testing.assert_close(tensor.grad, torch.full((30,), 3.0) * scale, rtol=1e-6, atol=1e-6)


def test_gradients_are_scaled_in_a_batch_of_networks() -> None:
    tensor = torch.randn(3, 5, requires_grad=True)
    vmap(lambda own: scale_gradient(own, -2.0).square())(tensor).sum().backward()
    torch.testing.assert_close(tensor.grad, -4 * tensor.detach())


def test_the_norm_is_of_all_gradients_as_one_vector() -> None:
    first, second, without = (torch.zeros(2, requires_grad=True) for _ in range(3))
    first.grad, second.grad = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0])
    assert gradient_norm([first, second, without]).item() == pytest.approx(5)
    second.grad[0] = math.nan
    assert gradient_norm([first, second, without]).isnan()
