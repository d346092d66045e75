"""The Gaussian channel from h to t."""

import pytest
import torch

from ibtrain.mi.channel.noise import GaussianNoise, activation_scale


def eps(seed: int, shape: torch.Size) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_absolute_noise_has_the_given_standard_deviation() -> None:
    h = torch.full((200, 500), 3.0)
    t = GaussianNoise(0.7)(h, eps(0, h.shape))
    # with 100,000 draws the standard deviation has an error of 0.2 %
    assert (t - h).std().item() == pytest.approx(0.7, rel=0.01)


def test_relative_noise_follows_the_scale_of_the_activations() -> None:
    h = torch.randn(400, 300, generator=torch.Generator().manual_seed(0))
    noise = GaussianNoise(0.5, relative=True)
    for factor in (1.0, 40.0):
        scaled = factor * h
        t = noise(scaled, eps(1, h.shape))
        assert (t - scaled).std().item() == pytest.approx(0.5 * factor, rel=0.02)


def test_relative_noise_makes_the_layer_blind_to_its_own_scale() -> None:
    h = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    one, ten = (GaussianNoise(0.5, relative=True)(c * h, eps(1, h.shape)) / c for c in (1.0, 10.0))
    torch.testing.assert_close(one, ten)


def test_evaluation_uses_the_running_scale() -> None:
    noise = GaussianNoise(0.5, relative=True)
    h = 2.0 * torch.randn(1000, 10, generator=torch.Generator().manual_seed(0))
    noise(h, eps(1, h.shape))
    noise.eval()
    assert float(noise.sigma(torch.zeros(3, 10))) == pytest.approx(0.5 * activation_scale(h).item())


def test_evaluation_before_the_first_step_uses_the_scale_of_the_batch() -> None:
    noise = GaussianNoise(0.5, relative=True).eval()
    h = 2.0 * torch.randn(1000, 10, generator=torch.Generator().manual_seed(0))
    assert float(noise.sigma(h)) == pytest.approx(0.5 * activation_scale(h).item())
    assert noise.running_scale == 0
