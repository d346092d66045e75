"""Gaussian dropout against numerical integrals, a loop over samples, and what inactive units tell."""

import math

import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from ibtrain.mi.channel.dropout import dropout_mi
from ibtrain.mi.channel.exact import noise_blocks


def integral(values: list[float], alpha: float) -> float:
    """I(x; t) of one unit whose values are equally likely, all of them different from 0."""
    parts = [norm(value, math.sqrt(alpha) * abs(value)) for value in values]

    def integrand(t: float, index: int) -> float:
        mixture = sum(part.pdf(t) for part in parts) / len(parts)
        own = parts[index].pdf(t)
        return own * math.log(own / mixture) if own > 0 else 0.0

    return sum(
        quad(integrand, value - 9 * spread, value + 9 * spread, args=(index,), limit=200)[0]
        for index, value in enumerate(values)
        for spread in [math.sqrt(alpha) * abs(value)]
    ) / len(values)


@pytest.mark.parametrize("values", [[1.0, 2.0], [0.3, -0.4], [0.1, 1.0, 5.0]])
@pytest.mark.parametrize("alpha", [0.1, 1.0])
def test_one_unit_is_the_integral(values: list[float], alpha: float) -> None:
    h = torch.tensor(values).repeat_interleave(400).unsqueeze(1)
    labels = torch.arange(len(values)).repeat_interleave(400)
    result = dropout_mi(h, alpha, labels, draws=4)
    expected = integral(values, alpha)
    assert result.mi_ty is not None
    # copies of a sample have the same conditional density: x and y tell the same
    for value in (result.mi_xt, result.mi_ty):
        assert value.mi == pytest.approx(expected, abs=4 * value.stderr)
        assert value.stderr < 0.02


def slow_terms(h: torch.Tensor, alpha: float, draws: int, seed: int) -> float:
    """The mean log-ratio over the same noise, by a loop, with the point masses of inactive units."""
    total, centres = 0.0, h.double()
    ((_, noise),) = noise_blocks(centres, draws, seed)
    for eps in noise:
        for n, one in enumerate(centres):
            t = one * (1 + math.sqrt(alpha) * eps[n])
            densities = []
            for other in centres:
                density = 1.0
                for value, centre in zip(t.tolist(), other.tolist(), strict=True):
                    if centre == 0 or value == 0:
                        density *= float(centre == value)
                    else:
                        density *= norm.pdf(value, centre, math.sqrt(alpha) * abs(centre))
                densities.append(density)
            total += math.log(densities[n] * len(densities) / sum(densities))
    return total / (draws * len(centres))


@pytest.mark.parametrize("activation", [torch.relu, torch.tanh])
def test_several_units_are_a_loop_over_densities(activation: object) -> None:
    generator = torch.Generator().manual_seed(0)
    h = torch.randn(40, 2, generator=generator)
    h = torch.relu(h) if activation is torch.relu else torch.tanh(h)
    result = dropout_mi(h, 0.5, torch.zeros(40, dtype=torch.long), seed=3)
    assert result.mi_xt.mi == pytest.approx(slow_terms(h, 0.5, 2, 3), abs=1e-9)
    assert ("inactive" in result.mi_xt.flags) == (activation is torch.relu)


def test_inactive_units_tell_samples_apart() -> None:
    """Half of the samples are inactive and alike; the others are two values of an active unit."""
    h = torch.tensor([0.0, 0.0, 1.0, 1.5]).repeat(300).unsqueeze(1)
    labels = torch.tensor([0, 0, 1, 2]).repeat(300)
    result = dropout_mi(h, 0.2, labels, draws=4)
    expected = math.log(2) + 0.5 * integral([1.0, 1.5], 0.2)
    assert result.mi_ty is not None
    assert result.mi_ty.mi == pytest.approx(expected, abs=4 * result.mi_ty.stderr)
    assert result.mi_xt.mi == pytest.approx(expected, abs=4 * result.mi_xt.stderr)


def test_tiny_activations_are_within_range() -> None:
    """The scale of a unit does not matter, as its noise has the same."""
    generator = torch.Generator().manual_seed(0)
    h, labels = torch.rand(50, 3, generator=generator) + 0.1, torch.arange(50) % 2
    expected = dropout_mi(h.double(), 0.3, labels)
    result = dropout_mi(h.double() * torch.tensor([1e-30, 1.0, 1e20]).double(), 0.3, labels)
    assert result.mi_xt.mi == pytest.approx(expected.mi_xt.mi, abs=1e-9)


def test_no_noise_is_refused() -> None:
    with pytest.raises(ValueError, match="expected above 0"):
        dropout_mi(torch.ones(4, 1), 0.0, torch.zeros(4, dtype=torch.long))
