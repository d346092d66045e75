"""Joint distributions with known mutual information, for tests of estimators."""

from collections.abc import Iterable

import numpy as np

from ibtrain.mi.benchmark.continuous import (
    additive_uniform,
    bimodal,
    cube,
    equicorrelated,
    gaussian,
    half_cube,
    mapped,
    random_signs,
    spiral,
    staircase,
    student,
    swiss_roll,
    uniform,
    wiggly,
)
from ibtrain.mi.benchmark.discrete import (
    gaussian_classes,
    poisson_counts,
    ring_of_classes,
    rounded,
    symmetric_channel,
    zero_inflated,
)
from ibtrain.mi.benchmark.layers import linear_layer, relu_layer
from ibtrain.mi.benchmark.problem import Layer, Problem

__all__ = ["PROBLEMS", "Layer", "Problem"]


def _all() -> Iterable[Problem]:
    pair = gaussian("gaussian-1", [0.75])
    plane = gaussian("gaussian-3", [0.8, 0.8, 0.0])
    yield gaussian("independent-3", [0.0] * 3)
    yield pair
    yield plane
    yield gaussian("gaussian-5", [0.5] * 5)
    yield gaussian("gaussian-50-mi-2", [staircase(2.0, 50)] * 50)
    yield equicorrelated("equicorrelated-50", 50, 0.5)
    for mi in (2, 4, 6):
        stair = gaussian(f"gaussian-20-mi-{mi}", [staircase(float(mi))] * 20)
        yield stair
        yield mapped(stair, f"cubed-20-mi-{mi}", cube, cube)
    yield mapped(plane, "half-cubed-3", half_cube, half_cube)
    yield mapped(plane, "normal-cdf-3", uniform, uniform)
    yield mapped(plane, "asinh-3", np.arcsinh, np.arcsinh)
    yield mapped(pair, "wiggly-1", wiggly, wiggly)
    yield mapped(pair, "bimodal-1", bimodal, bimodal)
    yield mapped(plane, "spiral-3", spiral, spiral)
    yield mapped(gaussian("", [0.8, 0.8] + 23 * [0.0]), "spiral-25", spiral, spiral)
    yield random_signs("random-signs-10", 10, 0.8, 0.9)
    yield mapped(pair, "swiss-roll-2-1", swiss_roll, uniform)
    yield student("student-1-nu-1", 1, 0.0, 1.0)
    yield student("student-3-nu-2", 3, 0.5, 2.0)
    yield additive_uniform("additive-uniform", 0.75)
    yield additive_uniform("additive-uniform-narrow", 0.1)
    yield rounded("rounded-1", 0.9, 0.1)
    yield rounded("rounded-coarse-1", 0.9, 1.0)
    yield poisson_counts("poisson-counts", 10.0, 5.0)
    yield zero_inflated("zero-inflated", 0.6, 0.9)
    yield gaussian_classes("gaussian-classes-2", 1, 1.0)
    yield gaussian_classes("gaussian-classes-8", 3, 1.0)
    yield ring_of_classes("ten-classes-2", 10, 2.5)
    yield symmetric_channel("binary-channel", 2, 0.1)
    yield symmetric_channel("symmetric-channel-5", 5, 0.2)
    yield linear_layer("linear-layer", (10, 6), 1.0)
    yield relu_layer("relu-layer", 4, 0.5)


PROBLEMS: dict[str, Problem] = {problem.name: problem for problem in _all()}
"""The problems by name."""
