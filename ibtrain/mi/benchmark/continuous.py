"""Continuous distributions whose mutual information is known."""

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

INVARIANT = "; invariant to maps of x and of y that can be inverted (Kraskov et al. 2004, appendix)"


def gaussian(name: str, correlations: Iterable[float]) -> Problem:
    """Pairs of coordinates with these correlations; 0 leaves a coordinate independent."""
    rho = np.array(list(correlations))
    mi = 0.0 - 0.5 * float(np.log1p(-(rho**2)).sum())

    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        x, noise = rng.standard_normal((2, count, len(rho)))
        return x, rho * x + np.sqrt(1 - rho**2) * noise

    return Problem(name, mi, f"-1/2 sum log(1 - rho^2): {GAUSSIAN}", sample)


def mapped(
    base: Problem, name: str, of_x: Callable[[Array], Array], of_y: Callable[[Array], Array]
) -> Problem:
    """The same problem through maps that can be inverted."""

    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        x, y = base.sample(count, rng)
        return of_x(x), of_y(np.asarray(y, dtype=np.float64))

    return Problem(name, base.mi, base.source + INVARIANT, sample)


def cube(z: Array) -> Array:
    """The third power of each coordinate."""
    return z**3


def half_cube(z: Array) -> Array:
    """The signed power 3/2 of each coordinate."""
    grown: Array = np.sign(z) * np.abs(z) ** 1.5
    return grown


def uniform(z: Array) -> Array:
    """The normal distribution function of each coordinate."""
    levels: Array = special.ndtr(z)
    return levels


def wiggly(z: Array) -> Array:
    """Each coordinate plus sine waves too flat to fold it."""
    # the slope stays above 1 - 0.4 - 0.34
    return z + 0.4 * np.sin(z) + 0.2 * np.sin(1.7 * z + 1)


def bimodal(z: Array) -> Array:
    """To an equal mixture of two normal distributions 4 standard deviations apart, by its quantiles."""
    grid = np.linspace(-8, 8, 4001)
    levels = 0.5 * (special.ndtr(grid - 2) + special.ndtr(grid + 2))
    mapped: Array = np.interp(special.ndtr(z), levels, grid)
    return mapped


def spiral(z: Array) -> Array:
    """Turns the first two coordinates by an angle that grows with the squared distance."""
    angle = (z**2).sum(axis=1) / z.shape[1]
    cos, sin = np.cos(angle), np.sin(angle)
    turned = z.copy()
    turned[:, 0] = cos * z[:, 0] - sin * z[:, 1]
    turned[:, 1] = sin * z[:, 0] + cos * z[:, 1]
    return turned


def swiss_roll(z: Array) -> Array:
    """One coordinate to a rolled-up curve in the plane."""
    angle = 1.5 * np.pi * (1 + 2 * uniform(z))
    return np.hstack([angle * np.cos(angle), angle * np.sin(angle)]) / 21


def student(name: str, dim: int, rho: float, degrees: float) -> Problem:
    """A multivariate t distribution of x and y, of pairs of coordinates with one correlation."""

    def excess(d: int) -> float:
        half = (degrees + d) / 2
        return float(half * special.digamma(half) - special.gammaln(half))

    mi = 2 * excess(dim) - excess(2 * dim) - excess(0) - 0.5 * dim * math.log1p(-(rho**2))

    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        x, noise = rng.standard_normal((2, count, dim))
        scale = np.sqrt(degrees / rng.chisquare(degrees, (count, 1)))
        return scale * x, scale * (rho * x + math.sqrt(1 - rho**2) * noise)

    source = "entropies of the multivariate t, Kotz & Nadarajah (2004), section 1.5"
    return Problem(name, mi, source, sample)


def additive_uniform(name: str, epsilon: float) -> Problem:
    """x uniform on [0, 1], y = x plus uniform noise on [-epsilon, epsilon]."""
    wide = epsilon >= 0.5
    mi = 1 / (4 * epsilon) if wide else epsilon - math.log(2 * epsilon)

    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        x = rng.uniform(0, 1, (count, 1))
        return x, x + rng.uniform(-epsilon, epsilon, (count, 1))

    return Problem(name, mi, "h(y) - log(2 epsilon), y trapezoidal", sample)


def random_signs(name: str, dim: int, rho: float, hidden: float) -> Problem:
    """One pair of coordinates is correlated, one has a correlation whose sign is random, the others have none."""

    # the trapezoidal rule is exact to rounding for what is smooth and vanishes at both ends
    grid, step = np.linspace(-10, 10, 801, retstep=True)
    x, std = grid[:, None], math.sqrt(1 - hidden**2)
    density = 0.5 * (stats.norm.pdf(grid, hidden * x, std) + stats.norm.pdf(grid, -hidden * x, std))
    of_pair = float((stats.norm.pdf(x) * special.entr(density)).sum() * step**2)
    mi = 0.5 * math.log(2 * math.pi * math.e) - of_pair - 0.5 * math.log1p(-(rho**2))

    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        x, noise = rng.standard_normal((2, count, dim))
        slopes = np.zeros((count, dim))
        slopes[:, 0] = rho
        slopes[:, 1] = hidden * rng.choice([-1, 1], count)
        return x, slopes * x + np.sqrt(1 - slopes**2) * noise

    return Problem(name, mi, "h(y) - h(y|x) of the second pair by quadrature", sample)


def equicorrelated(name: str, dim: int, rho: float) -> Problem:
    """All coordinates of x and y correlated alike."""
    inner = 1 + (dim - 1) * rho
    canonical = dim * rho / inner

    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        common = rng.standard_normal((count, 1))
        x, y = rng.standard_normal((2, count, dim))
        x, y = (math.sqrt(rho) * common + math.sqrt(1 - rho) * part for part in (x, y))
        return x, y

    source = f"-1/2 log(1 - rho^2) of the only canonical correlation: {GAUSSIAN}"
    return Problem(name, -0.5 * math.log1p(-(canonical**2)), source, sample)


def staircase(mi: float, dim: int = 20) -> float:
    """The correlation that gives so many nats in so many equal pairs."""
    return math.sqrt(-math.expm1(-2 * mi / dim))
