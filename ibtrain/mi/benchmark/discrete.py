"""Labels, counts, rounded and partly constant variables with known mutual information."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, special, stats

from ibtrain.mi.benchmark.problem import Array, Problem, Rng

__all__ = [
    "gaussian_classes",
    "poisson_counts",
    "ring_of_classes",
    "rounded",
    "symmetric_channel",
    "zero_inflated",
]


def _two_classes_mi(distance: float) -> float:
    """Computes I(x; y) for an equal mixture of unit normals at plus and minus ``distance``."""

    def integrand(z: float) -> float:
        return float(stats.norm.pdf(z) * np.logaddexp(0, -2 * distance * (distance + z)))

    return math.log(2) - float(integrate.quad(integrand, -12, 12, epsabs=1e-12)[0])


def gaussian_classes(name: str, dim: int, distance: float) -> Problem:
    """Builds the problem of 2^dim equally likely classes, normal around the corners of a cube."""

    def sample(count: int, rng: Rng) -> tuple[Array, NDArray[np.int64]]:
        corner = rng.integers(0, 2, (count, dim))
        x = distance * (2 * corner - 1) + rng.standard_normal((count, dim))
        return x, (corner @ (2 ** np.arange(dim))).astype(np.int64)

    source = "log 2 - E log(1 + exp(-2 m (m + z))) for each coordinate, by quadrature"
    return Problem(name, dim * _two_classes_mi(distance), source, sample)


def ring_of_classes(name: str, classes: int, radius: float) -> Problem:
    """Builds the problem of equally likely classes, normal around evenly spaced points on a circle in the plane."""
    angles = 2 * np.pi * np.arange(classes) / classes
    centres = radius * np.column_stack([np.cos(angles), np.sin(angles)])
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    noise = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2)
    weights = np.outer(weights, weights).ravel() / weights.sum() ** 2
    # by symmetry the first class is enough: the log-ratio of its density to the mixture
    offsets = centres[0] - centres
    ratios = special.logsumexp(-noise @ offsets.T - 0.5 * (offsets**2).sum(axis=1), axis=1)
    mi = math.log(classes) - float(weights @ ratios)

    def sample(count: int, rng: Rng) -> tuple[Array, NDArray[np.int64]]:
        labels = rng.integers(0, classes, count)
        return centres[labels] + rng.standard_normal((count, 2)), labels

    source = "log C - E log sum_c exp(log-ratio of c to the sample's own class), by quadrature"
    return Problem(name, mi, source, sample)


def symmetric_channel(name: str, symbols: int, error: float) -> Problem:
    """Builds the problem of a uniform symbol that is replaced by another symbol with probability ``error``."""
    mi = math.log(symbols) + (1 - error) * math.log1p(-error)
    mi += error * math.log(error / (symbols - 1))

    def sample(count: int, rng: Rng) -> tuple[Array, NDArray[np.int64]]:
        y = rng.integers(0, symbols, count)
        shift = rng.integers(1, symbols, count) * (rng.random(count) < error)
        received = (y + shift) % symbols
        return np.eye(symbols)[received], y

    return Problem(name, mi, "Cover & Thomas, section 7.1.4 (symmetric channels)", sample)


def _table_mi(shares: Array) -> float:
    """Computes the information of two discrete variables from their joint probabilities."""
    product = shares.sum(axis=1, keepdims=True) * shares.sum(axis=0)
    return float(special.rel_entr(shares, product).sum())


def rounded(name: str, rho: float, step: float) -> Problem:
    """Builds the problem of correlated normal variables, each rounded to a multiple of ``step``."""
    centres = np.arange(-7, 7 + step / 2, step)
    nodes, weights = np.polynomial.legendre.leggauss(20)
    x = centres[:, None] + 0.5 * step * nodes
    edges = np.append(centres - step / 2, np.inf)
    edges[0] = -np.inf
    levels = special.ndtr((edges - rho * x[..., None]) / math.sqrt(1 - rho**2))
    density = 0.5 * step * weights * stats.norm.pdf(x)
    shares = np.einsum("ij,ijk->ik", density, np.diff(levels, axis=2))

    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        x, noise = rng.standard_normal((2, count, 1))
        y = rho * x + math.sqrt(1 - rho**2) * noise
        return step * np.round(x / step), step * np.round(y / step)

    return Problem(name, _table_mi(shares), "probabilities of all cells, by quadrature", sample)


def poisson_counts(name: str, common: float, rest: float) -> Problem:
    """Builds the problem of Poisson counts x = u + a and y = u + b, as floats, so that they are not labels."""
    counts = np.arange(80)
    common_shares, rest_shares = stats.poisson.pmf(counts, common), stats.poisson.pmf(counts, rest)
    given_u = np.array([np.concatenate([np.zeros(u), rest_shares[: 80 - u]]) for u in counts])
    shares = np.einsum("u,ux,uy->xy", common_shares, given_u, given_u)

    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        u = rng.poisson(common, (count, 1))
        x, y = (u + rng.poisson(rest, (count, 1)) for _ in range(2))
        return x.astype(np.float64), y.astype(np.float64)

    return Problem(name, _table_mi(shares), "probabilities of all pairs of counts", sample)


def zero_inflated(name: str, share: float, rho: float) -> Problem:
    """Builds the problem of y correlated with a normal g and x = exp(2 g), set to 0 for the smallest ``share`` of g."""
    lowest, std = float(special.ndtri(share)), math.sqrt(1 - rho**2)

    def integrand(y: float) -> float:
        density = stats.norm.pdf(y) * special.ndtr((lowest - rho * y) / std) / share
        return float(special.entr(density))

    zero_entropy, _ = integrate.quad(integrand, -12, 12, limit=200, epsabs=1e-12)
    gaussian = 0.5 * math.log(2 * math.pi * math.e)
    mi = gaussian - share * zero_entropy - (1 - share) * (gaussian + math.log(std))

    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        g, noise = rng.standard_normal((2, count, 1))
        return np.where(g <= lowest, 0.0, np.exp(2 * g)), rho * g + std * noise

    return Problem(name, mi, "h(y) - h(y|x), h(y|x = 0) by quadrature", sample)
