"""Noisy layers with known mutual information with their input."""

import math

import numpy as np
from scipy import integrate, special, stats

from ibtrain.backend.seeding import derive_seed
from ibtrain.mi.benchmark.problem import GAUSSIAN, Array, Layer, Problem, Rng, Sampler

__all__ = ["linear_layer", "relu_layer"]


def linear_layer(name: str, dims: tuple[int, int], noise_std: float) -> Problem:
    """Builds the problem of a random linear map of normal inputs, with noise."""
    rng = np.random.default_rng(derive_seed(0, name))
    weights = rng.standard_normal(dims) / math.sqrt(dims[0])
    total = np.eye(dims[1]) + weights.T @ weights / noise_std**2
    mi = 0.5 * float(np.linalg.slogdet(total)[1])
    layer = Layer(lambda x: x @ weights, noise_std)
    source = f"1/2 log det(1 + W W' / sigma^2), Gaussian x: {GAUSSIAN}"
    return Problem(name, mi, source, _layer_sampler(layer, dims[0]), layer)


def relu_layer(name: str, dim: int, noise_std: float) -> Problem:
    """Builds the problem of ReLU units with one separate input each."""
    layer = Layer(lambda x: np.maximum(x, 0), noise_std)
    source = "h(t) - h(t|x) for each unit, h(t) by quadrature over its closed-form density"
    mi = dim * _relu_unit_mi(noise_std)
    return Problem(name, mi, source, _layer_sampler(layer, dim), layer)


def _layer_sampler(layer: Layer, dim: int) -> Sampler:
    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        x = rng.standard_normal((count, dim))
        h = layer.output(x)
        return x, h + layer.noise_std * rng.standard_normal(h.shape)

    return sample


def _relu_unit_mi(sigma: float) -> float:
    """Computes I(x; relu(x) + sigma eps) for standard normal x."""
    total = math.sqrt(1 + sigma**2)

    def density(t: float) -> float:
        inactive = 0.5 * stats.norm.pdf(t, scale=sigma)
        active = stats.norm.pdf(t, scale=total) * special.ndtr(t / (sigma * total))
        return float(inactive + active)

    def integrand(t: float) -> float:
        return float(special.entr(density(t)))

    points = [-8 * sigma, 0.0, 8 * sigma]
    entropy, _ = integrate.quad(
        integrand, -10 * sigma, 10 * total, points=points, limit=200, epsabs=1e-11
    )
    return float(entropy - 0.5 * math.log(2 * math.pi * math.e * sigma**2))
