"""Definition of a problem with known mutual information."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "GAUSSIAN",
    "Array",
    "ConditionalProblem",
    "Layer",
    "Problem",
    "Rng",
    "Sampler",
    "Triple",
]

Array = NDArray[np.float64]
Rng = np.random.Generator
Sampler = Callable[[int, Rng], tuple[Array, NDArray[np.generic]]]
Triple = tuple[NDArray[np.generic], NDArray[np.generic], NDArray[np.generic]]
"""Samples of x, y and z."""
GAUSSIAN = "Cover & Thomas, Elements of Information Theory, section 8.4"
"""Reference for the entropy of normal variables."""


@dataclass(frozen=True)
class Layer:
    """A noisy layer: ``t = h + noise_std * eps``, with h a function of x."""

    output: Callable[[Array], Array]
    noise_std: float


@dataclass(frozen=True)
class Problem:
    """A joint distribution with known mutual information.

    Args:
        name: Key of the problem in :data:`PROBLEMS`.
        mi: True mutual information, in nats.
        source: Formula of the true value, with its reference.
        sample: Draws ``(x, y)`` with a given number of samples from a random generator.
        layer: The layer, if y is the noisy output of a layer with input x.
    """

    name: str
    mi: float
    source: str
    sample: Sampler
    layer: Layer | None = None


@dataclass(frozen=True)
class ConditionalProblem:
    """A joint distribution with known conditional mutual information.

    Args:
        name: Key of the problem in :data:`~ibtrain.mi.benchmark.conditional.CONDITIONAL_PROBLEMS`.
        mi: True I(x; y | z), in nats.
        source: Formula of the true value, with its reference.
        sample: Draws ``(x, y, z)`` with a given number of samples from a random generator.
    """

    name: str
    mi: float
    source: str
    sample: Callable[[int, Rng], Triple]
