"""Joint distributions of x, y and z with known conditional mutual information."""

import math
from collections.abc import Callable, Iterable

import numpy as np

from ibtrain.mi.benchmark.continuous import half_cube, spiral
from ibtrain.mi.benchmark.discrete import gaussian_classes
from ibtrain.mi.benchmark.problem import GAUSSIAN, Array, ConditionalProblem, Rng, Triple

__all__ = ["CONDITIONAL_PROBLEMS"]

INDEPENDENT = "0: x and y are independent given z, as each is a function of z with noise of its own"


def given_gaussian(
    name: str, partial: Iterable[float], dim_z: int, weight: float
) -> ConditionalProblem:
    """Builds the problem of normal x and y with the given partial correlations, both of which contain z.

    Args:
        name: Name of the problem.
        partial: Correlations of the pairs of coordinates of x and y given z.
        dim_z: Number of coordinates of z.
        weight: Standard deviation of the part of each coordinate of x and y that is a function of z.
    """
    rho = np.array(list(partial))
    mi = 0.0 - 0.5 * float(np.log1p(-(rho**2)).sum())

    def sample(count: int, rng: Rng) -> Triple:
        z = rng.standard_normal((count, dim_z))
        u, noise = rng.standard_normal((2, count, len(rho)))
        v = rho * u + np.sqrt(1 - rho**2) * noise
        common = weight * z[:, np.arange(len(rho)) % dim_z]
        return u + common, v - common, z

    return ConditionalProblem(
        name, mi, f"-1/2 sum log(1 - rho^2) of partial rho: {GAUSSIAN}", sample
    )


def mapped(
    base: ConditionalProblem,
    name: str,
    of_side: Callable[[Array], Array],
    of_z: Callable[[Array], Array],
) -> ConditionalProblem:
    """Builds the problem of invertible maps of another problem's x, y and z, which change nothing."""

    def sample(count: int, rng: Rng) -> Triple:
        x, y, z = (np.asarray(side, dtype=np.float64) for side in base.sample(count, rng))
        return of_side(x), of_side(y), of_z(z)

    source = f"{base.source}; invariant under invertible maps of x, of y and of z"
    return ConditionalProblem(name, base.mi, source, sample)


def common_cause(
    name: str, dim: int, of_z: Callable[[Array], Array], noise: float
) -> ConditionalProblem:
    """Builds the problem of x and y that are both the same function of z with independent noise."""

    def sample(count: int, rng: Rng) -> Triple:
        z = rng.standard_normal((count, dim))
        x, y = (of_z(z) + noise * rng.standard_normal((count, dim)) for _ in range(2))
        return x, y, z

    return ConditionalProblem(name, 0.0, INDEPENDENT, sample)


def collider(name: str, noise: float) -> ConditionalProblem:
    """Builds the problem of independent normal x and y, and z = x + y + noise (a v-structure)."""
    variance = noise**2
    mi = 0.5 * math.log((1 + variance) ** 2 / (variance * (2 + variance)))

    def sample(count: int, rng: Rng) -> Triple:
        x, y, error = rng.standard_normal((3, count, 1))
        return x, y, x + y + noise * error

    source = f"1/2 log (1 + s^2)^2 / (s^2 (2 + s^2)) from the covariance of (x, y, z): {GAUSSIAN}"
    return ConditionalProblem(name, mi, source, sample)


def exclusive_or(name: str, error: float) -> ConditionalProblem:
    """Builds the problem of independent fair bits x and y, and their exclusive or z, wrong with probability ``error``."""
    noise = -error * math.log(error) - (1 - error) * math.log1p(-error) if error else 0.0

    def sample(count: int, rng: Rng) -> Triple:
        x, y = rng.integers(0, 2, (2, count))
        return x, y, x ^ y ^ (rng.random(count) < error)

    source = "log 2 - H(error): Cover & Thomas, problem 2.25 (exclusive or), with a binary channel"
    return ConditionalProblem(name, math.log(2) - noise, source, sample)


def correlation_by_class(name: str, correlations: Iterable[float]) -> ConditionalProblem:
    """Builds the problem of normal x and y whose correlation depends on the class z; classes have shares 1 : 2 : ..."""
    rho = np.array(list(correlations))
    shares = np.arange(1, len(rho) + 1) / np.arange(1, len(rho) + 1).sum()
    mi = 0.0 - 0.5 * float(shares @ np.log1p(-(rho**2)))

    def sample(count: int, rng: Rng) -> Triple:
        z = rng.choice(len(rho), count, p=shares)
        x, noise = rng.standard_normal((2, count))
        return x, rho[z] * x + np.sqrt(1 - rho[z] ** 2) * noise, z

    return ConditionalProblem(name, mi, f"-1/2 sum p log(1 - rho^2): {GAUSSIAN}", sample)


def common_class(name: str, classes: int) -> ConditionalProblem:
    """Builds the problem of normal x and y whose means are the number of the class z."""

    def sample(count: int, rng: Rng) -> Triple:
        z = rng.integers(0, classes, count)
        x, y = 2.0 * z + rng.standard_normal((2, count))
        return x, y, z

    return ConditionalProblem(name, 0.0, INDEPENDENT, sample)


def shifted_classes(name: str) -> ConditionalProblem:
    """Builds the problem of two classes y, normal x around their means, and a normal z that is added to x."""
    base = gaussian_classes("", 1, 1.0)

    def sample(count: int, rng: Rng) -> Triple:
        x, y = base.sample(count, rng)
        z = 2 * rng.standard_normal((count, 1))
        return x + z, y, z

    return ConditionalProblem(name, base.mi, f"{base.source}; z is subtracted from x", sample)


def common_cause_of_labels(name: str, noise: float) -> ConditionalProblem:
    """Builds the problem of two labels x and y: whether a normal z with independent noise is positive."""

    def sample(count: int, rng: Rng) -> Triple:
        z = rng.standard_normal((count, 1))
        x, y = (z[:, 0] + noise * rng.standard_normal((2, count)) > 0).astype(np.int64)
        return x, y, z

    return ConditionalProblem(name, 0.0, INDEPENDENT, sample)


def _all() -> Iterable[ConditionalProblem]:
    plane = given_gaussian("given-gaussian-2", [0.8, 0.5], 2, 1.0)
    yield given_gaussian("given-gaussian-1", [0.75], 1, 1.0)
    yield plane
    yield given_gaussian("given-gaussian-5", [0.5] * 5, 5, 1.0)
    yield mapped(plane, "given-half-cubed-2", half_cube, np.arcsinh)
    yield mapped(plane, "given-spiral-2", spiral, spiral)
    yield common_cause("common-cause-1", 1, lambda z: z, 0.5)
    yield common_cause("common-cause-3", 3, lambda z: z, 0.5)
    yield common_cause("common-cause-squared", 1, np.square, 0.5)
    yield collider("collider-1", 0.5)
    yield exclusive_or("exclusive-or", 0.0)
    yield exclusive_or("exclusive-or-noisy", 0.1)
    yield correlation_by_class("correlation-by-class", [-0.8, 0.0, 0.8])
    yield common_class("common-class", 4)
    yield shifted_classes("given-shift-classes-2")
    yield common_cause_of_labels("common-cause-labels", 0.5)


CONDITIONAL_PROBLEMS: dict[str, ConditionalProblem] = {problem.name: problem for problem in _all()}
"""The problems by name."""
