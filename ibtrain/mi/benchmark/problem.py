"""What a problem with a known answer is."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["GAUSSIAN", "Array", "Layer", "Problem", "Rng", "Sampler"]

Array = NDArray[np.float64]
Rng = np.random.Generator
Sampler = Callable[[int, Rng], tuple[Array, NDArray[np.generic]]]
GAUSSIAN = "Cover & Thomas, Elements of Information Theory, section 8.4"
"""Source of the entropy of normal variables."""


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
