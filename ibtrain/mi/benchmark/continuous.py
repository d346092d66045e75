"""Continuous distributions with known mutual information."""

import math
from collections.abc import Callable, Iterable

import numpy as np
from scipy import special, stats

from ibtrain.mi.benchmark.problem import GAUSSIAN, Array, Problem, Rng

__all__ = [
    "additive_uniform",
    "bimodal",
    "cube",
    "equicorrelated",
    "gaussian",
    "half_cube",
    "mapped",
    "random_signs",
    "spiral",
    "staircase",
    "student",
    "swiss_roll",
    "uniform",
    "wiggly",
]

INVARIANCE = "; invariant under invertible maps of x and of y (Kraskov et al. 2004, appendix)"


def gaussian(name: str, correlations: Iterable[float]) -> Problem:
    """Builds the problem of normal x and y whose pairs of coordinates have the given correlations."""
    rho = np.array(list(correlations))
    mi = 0.0 - 0.5 * float(np.log1p(-(rho**2)).sum())

    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        x, noise = rng.standard_normal((2, count, len(rho)))
        return x, rho * x + np.sqrt(1 - rho**2) * noise

    return Problem(name, mi, f"-1/2 sum log(1 - rho^2): {GAUSSIAN}", sample)


def mapped(
    base: Problem, name: str, of_x: Callable[[Array], Array], of_y: Callable[[Array], Array]
) -> Problem:
    """Builds the problem of invertible maps of another problem's x and y."""

    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        x, y = base.sample(count, rng)
        return of_x(x), of_y(np.asarray(y, dtype=np.float64))

    return Problem(name, base.mi, base.source + INVARIANCE, sample)


def cube(z: Array) -> Array:
    """Returns the third power of each coordinate."""
    return z**3


def half_cube(z: Array) -> Array:
    """Returns the power 3/2 of each coordinate's absolute value, with its sign."""
    powers: Array = np.sign(z) * np.abs(z) ** 1.5
    return powers


def uniform(z: Array) -> Array:
    """Returns the normal distribution function of each coordinate."""
    levels: Array = special.ndtr(z)
    return levels


def wiggly(z: Array) -> Array:
    """Adds sine waves to each coordinate; the map is strictly increasing."""
    # the slope is above 1 - 0.4 - 0.34
    return z + 0.4 * np.sin(z) + 0.2 * np.sin(1.7 * z + 1)


def bimodal(z: Array) -> Array:
    """Maps each coordinate to an equal mixture of two normal distributions 4 standard deviations apart."""
    grid = np.linspace(-8, 8, 4001)
    levels = 0.5 * (special.ndtr(grid - 2) + special.ndtr(grid + 2))
    mapped: Array = np.interp(special.ndtr(z), levels, grid)
    return mapped


def spiral(z: Array) -> Array:
    """Rotates the first two coordinates by an angle that grows with the squared norm."""
    angle = (z**2).sum(axis=1) / z.shape[1]
    cos, sin = np.cos(angle), np.sin(angle)
    turned = z.copy()
    turned[:, 0] = cos * z[:, 0] - sin * z[:, 1]
    turned[:, 1] = sin * z[:, 0] + cos * z[:, 1]
    return turned


def swiss_roll(z: Array) -> Array:
    """Maps one coordinate to a spiral curve in the plane."""
    angle = 1.5 * np.pi * (1 + 2 * uniform(z))
    return np.hstack([angle * np.cos(angle), angle * np.sin(angle)]) / 21


def student(name: str, dim: int, rho: float, degrees: float) -> Problem:
    """Builds the problem of a multivariate t distribution of x and y with equally correlated pairs of coordinates."""

    def entropy_term(d: int) -> float:
        half = (degrees + d) / 2
        return float(half * special.digamma(half) - special.gammaln(half))

    mi = (
        2 * entropy_term(dim)
        - entropy_term(2 * dim)
        - entropy_term(0)
        - 0.5 * dim * math.log1p(-(rho**2))
    )

    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        x, noise = rng.standard_normal((2, count, dim))
        scale = np.sqrt(degrees / rng.chisquare(degrees, (count, 1)))
        return scale * x, scale * (rho * x + math.sqrt(1 - rho**2) * noise)

    source = "entropies of the multivariate t, Kotz & Nadarajah (2004), section 1.5"
    return Problem(name, mi, source, sample)


def additive_uniform(name: str, epsilon: float) -> Problem:
    """Builds the problem of x uniform on [0, 1] and y = x plus uniform noise on [-epsilon, epsilon]."""
    is_wide = epsilon >= 0.5
    mi = 1 / (4 * epsilon) if is_wide else epsilon - math.log(2 * epsilon)

    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        x = rng.uniform(0, 1, (count, 1))
        return x, x + rng.uniform(-epsilon, epsilon, (count, 1))

    return Problem(name, mi, "h(y) - log(2 epsilon), y trapezoidal", sample)


def random_signs(name: str, dim: int, rho: float, hidden: float) -> Problem:
    """Builds the problem of one correlated pair, one pair correlated with a random sign, and independent pairs."""

    # the trapezoidal rule is exact up to rounding for smooth functions that vanish at both ends
    grid, step = np.linspace(-10, 10, 801, retstep=True)
    x, std = grid[:, None], math.sqrt(1 - hidden**2)
    density = 0.5 * (stats.norm.pdf(grid, hidden * x, std) + stats.norm.pdf(grid, -hidden * x, std))
    pair_entropy = float((stats.norm.pdf(x) * special.entr(density)).sum() * step**2)
    mi = 0.5 * math.log(2 * math.pi * math.e) - pair_entropy - 0.5 * math.log1p(-(rho**2))

    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        x, noise = rng.standard_normal((2, count, dim))
        slopes = np.zeros((count, dim))
        slopes[:, 0] = rho
        slopes[:, 1] = hidden * rng.choice([-1, 1], count)
        return x, slopes * x + np.sqrt(1 - slopes**2) * noise

    return Problem(name, mi, "h(y) - h(y|x) of the second pair by quadrature", sample)


def equicorrelated(name: str, dim: int, rho: float) -> Problem:
    """Builds the problem of normal coordinates of x and y with the same correlation between any two of them."""
    inner = 1 + (dim - 1) * rho
    canonical = dim * rho / inner

    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        common = rng.standard_normal((count, 1))
        x, y = rng.standard_normal((2, count, dim))
        x, y = (math.sqrt(rho) * common + math.sqrt(1 - rho) * noise for noise in (x, y))
        return x, y

    source = f"-1/2 log(1 - rho^2) of the only canonical correlation: {GAUSSIAN}"
    return Problem(name, -0.5 * math.log1p(-(canonical**2)), source, sample)


def staircase(mi: float, dim: int = 20) -> float:
    """Returns the correlation of ``dim`` equal pairs whose total information is ``mi`` nats."""
    return math.sqrt(-math.expm1(-2 * mi / dim))
