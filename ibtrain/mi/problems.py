"""Joint distributions whose mutual information is known: what estimators are checked against."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, special, stats

from ibtrain.seeding import derive_seed

__all__ = ["PROBLEMS", "Layer", "Problem"]

Array = NDArray[np.float64]
Rng = np.random.Generator
Sampler = Callable[[int, Rng], tuple[Array, NDArray[np.generic]]]

GAUSSIAN = "Cover & Thomas, Elements of Information Theory, section 8.4"
INVARIANT = "; invariant to maps of x and of y that can be inverted (Kraskov et al. 2004, appendix)"


@dataclass(frozen=True)
class Layer:
    """A noisy layer: ``t = h + noise_std * eps``, with h a function of x."""

    output: Callable[[Array], Array]
    noise_std: float


@dataclass(frozen=True)
class Problem:
    """A joint distribution and what one side of it tells about the other.

    Args:
        name: Under which it is found in :data:`PROBLEMS`.
        mi: The true mutual information, in nats.
        source: Of the formula.
        sample: Draws ``(x, y)`` of so many samples.
        layer: Where y is the noisy output of a layer that reads x.
    """

    name: str
    mi: float
    source: str
    sample: Sampler
    layer: Layer | None = None


def _gaussian(name: str, correlations: Iterable[float]) -> Problem:
    """Pairs of coordinates with these correlations; 0 leaves a coordinate independent."""
    rho = np.array(list(correlations))
    mi = 0.0 - 0.5 * float(np.log1p(-(rho**2)).sum())

    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        x, noise = rng.standard_normal((2, count, len(rho)))
        return x, rho * x + np.sqrt(1 - rho**2) * noise

    return Problem(name, mi, f"-1/2 sum log(1 - rho^2): {GAUSSIAN}", sample)


def _mapped(
    base: Problem, name: str, of_x: Callable[[Array], Array], of_y: Callable[[Array], Array]
) -> Problem:
    """The same problem through maps that can be inverted."""

    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        x, y = base.sample(count, rng)
        return of_x(x), of_y(np.asarray(y, dtype=np.float64))

    return Problem(name, base.mi, base.source + INVARIANT, sample)


def _cube(z: Array) -> Array:
    return z**3


def _half_cube(z: Array) -> Array:
    grown: Array = np.sign(z) * np.abs(z) ** 1.5
    return grown


def _uniform(z: Array) -> Array:
    levels: Array = special.ndtr(z)
    return levels


def _wiggly(z: Array) -> Array:
    # the slope stays above 1 - 0.4 - 0.34
    return z + 0.4 * np.sin(z) + 0.2 * np.sin(1.7 * z + 1)


def _bimodal(z: Array) -> Array:
    """To an equal mixture of two normal distributions 4 standard deviations apart, by its quantiles."""
    grid = np.linspace(-8, 8, 4001)
    levels = 0.5 * (special.ndtr(grid - 2) + special.ndtr(grid + 2))
    mapped: Array = np.interp(special.ndtr(z), levels, grid)
    return mapped


def _spiral(z: Array) -> Array:
    """Turns the first two coordinates by an angle that grows with the squared distance."""
    angle = (z**2).sum(axis=1) / z.shape[1]
    cos, sin = np.cos(angle), np.sin(angle)
    turned = z.copy()
    turned[:, 0] = cos * z[:, 0] - sin * z[:, 1]
    turned[:, 1] = sin * z[:, 0] + cos * z[:, 1]
    return turned


def _swiss_roll(z: Array) -> Array:
    """One coordinate to a rolled-up curve in the plane."""
    angle = 1.5 * np.pi * (1 + 2 * _uniform(z))
    return np.hstack([angle * np.cos(angle), angle * np.sin(angle)]) / 21


def _student(name: str, dim: int, rho: float, degrees: float) -> Problem:
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


def _additive_uniform(name: str, epsilon: float) -> Problem:
    """x uniform on [0, 1], y = x plus uniform noise on [-epsilon, epsilon]."""
    wide = epsilon >= 0.5
    mi = 1 / (4 * epsilon) if wide else epsilon - math.log(2 * epsilon)

    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        x = rng.uniform(0, 1, (count, 1))
        return x, x + rng.uniform(-epsilon, epsilon, (count, 1))

    return Problem(name, mi, "h(y) - log(2 epsilon), y trapezoidal", sample)


def _two_classes(distance: float) -> float:
    """I(x; y) for an equal mixture of unit normals at plus and minus ``distance``."""

    def integrand(z: float) -> float:
        return float(stats.norm.pdf(z) * np.logaddexp(0, -2 * distance * (distance + z)))

    return math.log(2) - float(integrate.quad(integrand, -12, 12, epsabs=1e-12)[0])


def _gaussian_classes(name: str, dim: int, distance: float) -> Problem:
    """Two to the dim classes, normal around the corners of a cube, all equally likely."""

    def sample(count: int, rng: Rng) -> tuple[Array, NDArray[np.int64]]:
        corner = rng.integers(0, 2, (count, dim))
        x = distance * (2 * corner - 1) + rng.standard_normal((count, dim))
        return x, (corner @ (2 ** np.arange(dim))).astype(np.int64)

    source = "log 2 - E log(1 + exp(-2 m (m + z))) a coordinate, by quadrature"
    return Problem(name, dim * _two_classes(distance), source, sample)


def _ring_of_classes(name: str, classes: int, radius: float) -> Problem:
    """Equally likely classes, normal around evenly spaced points of a circle in the plane."""
    angles = 2 * np.pi * np.arange(classes) / classes
    centres = radius * np.column_stack([np.cos(angles), np.sin(angles)])
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    noise = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2)
    weights = np.outer(weights, weights).ravel() / weights.sum() ** 2
    # all classes are alike: the log-ratio of the first class to the mixture
    offsets = centres[0] - centres
    ratios = special.logsumexp(-noise @ offsets.T - 0.5 * (offsets**2).sum(axis=1), axis=1)
    mi = math.log(classes) - float(weights @ ratios)

    def sample(count: int, rng: Rng) -> tuple[Array, NDArray[np.int64]]:
        labels = rng.integers(0, classes, count)
        return centres[labels] + rng.standard_normal((count, 2)), labels

    source = "log C - E log sum_c exp(log-ratio of c to the sample's own class), by quadrature"
    return Problem(name, mi, source, sample)


def _symmetric_channel(name: str, symbols: int, error: float) -> Problem:
    """A uniform symbol that is replaced by any other one with probability ``error``."""
    mi = math.log(symbols) + (1 - error) * math.log1p(-error)
    mi += error * math.log(error / (symbols - 1))

    def sample(count: int, rng: Rng) -> tuple[Array, NDArray[np.int64]]:
        y = rng.integers(0, symbols, count)
        shift = rng.integers(1, symbols, count) * (rng.random(count) < error)
        received = (y + shift) % symbols
        return np.eye(symbols)[received], y

    return Problem(name, mi, "Cover & Thomas, section 7.1.4 (symmetric channels)", sample)


def _linear_layer(name: str, dims: tuple[int, int], noise_std: float) -> Problem:
    rng = np.random.default_rng(derive_seed(0, name))
    weights = rng.standard_normal(dims) / math.sqrt(dims[0])
    total = np.eye(dims[1]) + weights.T @ weights / noise_std**2
    mi = 0.5 * float(np.linalg.slogdet(total)[1])
    layer = Layer(lambda x: x @ weights, noise_std)
    source = f"1/2 log det(1 + W W' / sigma^2), Gaussian x: {GAUSSIAN}"
    return Problem(name, mi, source, _layer_sampler(layer, dims[0]), layer)


def _relu_layer(name: str, dim: int, noise_std: float) -> Problem:
    """Units that each read an input of their own."""
    layer = Layer(lambda x: np.maximum(x, 0), noise_std)
    source = "h(t) - h(t|x) a unit, h(t) by quadrature over its closed-form density"
    mi = dim * _relu_unit(noise_std)
    return Problem(name, mi, source, _layer_sampler(layer, dim), layer)


def _layer_sampler(layer: Layer, dim: int) -> Sampler:
    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        x = rng.standard_normal((count, dim))
        h = layer.output(x)
        return x, h + layer.noise_std * rng.standard_normal(h.shape)

    return sample


def _relu_unit(sigma: float) -> float:
    """I(x; relu(x) + sigma eps) for standard normal x."""
    total = math.sqrt(1 + sigma**2)

    def density(t: float) -> float:
        silent = 0.5 * stats.norm.pdf(t, scale=sigma)
        active = stats.norm.pdf(t, scale=total) * special.ndtr(t / (sigma * total))
        return float(silent + active)

    def integrand(t: float) -> float:
        return float(special.entr(density(t)))

    points = [-8 * sigma, 0.0, 8 * sigma]
    entropy, _ = integrate.quad(
        integrand, -10 * sigma, 10 * total, points=points, limit=200, epsabs=1e-11
    )
    return float(entropy - 0.5 * math.log(2 * math.pi * math.e * sigma**2))


def _of_table(shares: Array) -> float:
    """The information of two discrete variables with these joint probabilities."""
    product = shares.sum(axis=1, keepdims=True) * shares.sum(axis=0)
    return float(special.rel_entr(shares, product).sum())


def _rounded(name: str, rho: float, step: float) -> Problem:
    """Correlated normal variables, each rounded to a multiple of ``step``."""
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

    return Problem(name, _of_table(shares), "probabilities of all cells, by quadrature", sample)


def _poisson_counts(name: str, common: float, rest: float) -> Problem:
    """Counts with a common part: x = u + a, y = u + b, all three Poisson; floats, and so no labels."""
    counts = np.arange(80)
    of_common, of_rest = stats.poisson.pmf(counts, common), stats.poisson.pmf(counts, rest)
    given_u = np.array([np.concatenate([np.zeros(u), of_rest[: 80 - u]]) for u in counts])
    shares = np.einsum("u,ux,uy->xy", of_common, given_u, given_u)

    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        u = rng.poisson(common, (count, 1))
        x, y = (u + rng.poisson(rest, (count, 1)) for _ in range(2))
        return x.astype(np.float64), y.astype(np.float64)

    return Problem(name, _of_table(shares), "probabilities of all pairs of counts", sample)


def _zero_inflated(name: str, share: float, rho: float) -> Problem:
    """x = exp(2 g), but 0 where the normal g is among its smallest ``share``; y correlated with g."""
    lowest, std = float(special.ndtri(share)), math.sqrt(1 - rho**2)

    def integrand(y: float) -> float:
        density = stats.norm.pdf(y) * special.ndtr((lowest - rho * y) / std) / share
        return float(special.entr(density))

    of_zero, _ = integrate.quad(integrand, -12, 12, limit=200, epsabs=1e-12)
    gaussian = 0.5 * math.log(2 * math.pi * math.e)
    mi = gaussian - share * of_zero - (1 - share) * (gaussian + math.log(std))

    def sample(count: int, rng: Rng) -> tuple[Array, Array]:
        g, noise = rng.standard_normal((2, count, 1))
        return np.where(g <= lowest, 0.0, np.exp(2 * g)), rho * g + std * noise

    return Problem(name, mi, "h(y) - h(y|x), h(y|x = 0) by quadrature", sample)


def _random_signs(name: str, dim: int, rho: float, hidden: float) -> Problem:
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


def _equicorrelated(name: str, dim: int, rho: float) -> Problem:
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


def _staircase(mi: float, dim: int = 20) -> float:
    """The correlation that gives so many nats in so many equal pairs."""
    return math.sqrt(-math.expm1(-2 * mi / dim))


def _all() -> Iterable[Problem]:
    pair = _gaussian("gaussian-1", [0.75])
    plane = _gaussian("gaussian-3", [0.8, 0.8, 0.0])
    yield _gaussian("independent-3", [0.0] * 3)
    yield pair
    yield plane
    yield _gaussian("gaussian-5", [0.5] * 5)
    yield _gaussian("gaussian-50-mi-2", [_staircase(2.0, 50)] * 50)
    yield _equicorrelated("equicorrelated-50", 50, 0.5)
    for mi in (2, 4, 6):
        stair = _gaussian(f"gaussian-20-mi-{mi}", [_staircase(float(mi))] * 20)
        yield stair
        yield _mapped(stair, f"cubed-20-mi-{mi}", _cube, _cube)
    yield _mapped(plane, "half-cubed-3", _half_cube, _half_cube)
    yield _mapped(plane, "normal-cdf-3", _uniform, _uniform)
    yield _mapped(plane, "asinh-3", np.arcsinh, np.arcsinh)
    yield _mapped(pair, "wiggly-1", _wiggly, _wiggly)
    yield _mapped(pair, "bimodal-1", _bimodal, _bimodal)
    yield _mapped(plane, "spiral-3", _spiral, _spiral)
    yield _mapped(_gaussian("", [0.8, 0.8] + 23 * [0.0]), "spiral-25", _spiral, _spiral)
    yield _random_signs("random-signs-10", 10, 0.8, 0.9)
    yield _mapped(pair, "swiss-roll-2-1", _swiss_roll, _uniform)
    yield _student("student-1-nu-1", 1, 0.0, 1.0)
    yield _student("student-3-nu-2", 3, 0.5, 2.0)
    yield _additive_uniform("additive-uniform", 0.75)
    yield _additive_uniform("additive-uniform-narrow", 0.1)
    yield _rounded("rounded-1", 0.9, 0.1)
    yield _rounded("rounded-coarse-1", 0.9, 1.0)
    yield _poisson_counts("poisson-counts", 10.0, 5.0)
    yield _zero_inflated("zero-inflated", 0.6, 0.9)
    yield _gaussian_classes("gaussian-classes-2", 1, 1.0)
    yield _gaussian_classes("gaussian-classes-8", 3, 1.0)
    yield _ring_of_classes("ten-classes-2", 10, 2.5)
    yield _symmetric_channel("binary-channel", 2, 0.1)
    yield _symmetric_channel("symmetric-channel-5", 5, 0.2)
    yield _linear_layer("linear-layer", (10, 6), 1.0)
    yield _relu_layer("relu-layer", 4, 0.5)


PROBLEMS: dict[str, Problem] = {problem.name: problem for problem in _all()}
"""Every problem by its name."""
