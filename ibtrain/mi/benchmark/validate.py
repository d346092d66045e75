"""Compares estimators with problems of known mutual information."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ibtrain.backend.seeding import derive_seed
from ibtrain.mi.benchmark.conditional import CONDITIONAL_PROBLEMS
from ibtrain.mi.benchmark.problem import ConditionalProblem
from ibtrain.mi.benchmark.problems import PROBLEMS, Layer, Problem
from ibtrain.mi.channel.bounds import ChannelBounds, channel_bounds
from ibtrain.mi.conditional.estimate import METHODS_GIVEN_NUMBERS, conditional_mi
from ibtrain.mi.registry import ESTIMATORS, estimate
from ibtrain.mi.result import Estimate

__all__ = ["ALL_PROBLEMS", "KnownAnswer", "estimate_problem", "validate"]

AGREEMENT_ERRORS = 3.0
"""Number of standard errors within which an estimate agrees with the truth."""
COARSEST = 0.5
"""Error in nats that a verdict must be able to find, where the truth is smaller."""
UNCERTAIN = "too uncertain to tell"


ALL_PROBLEMS: dict[str, Problem | ConditionalProblem] = {**PROBLEMS, **CONDITIONAL_PROBLEMS}
"""The problems with and without a condition, by name."""


@dataclass(frozen=True)
class KnownAnswer:
    """One method's estimate for one problem, with the true value.

    Args:
        problem: Name of the problem.
        truth: True mutual information in nats.
        estimate: Estimate of the method.
        verdict: ``agrees`` within 3 standard errors, otherwise ``low`` or ``high``; for a bound
            ``holds`` or ``broken``. ``too uncertain to tell`` instead of ``agrees`` or ``holds`` if 3 standard errors are
            at least ``max(truth, 0.5 nats)``: an estimate of zero, or of half a nat where the truth is zero, would agree.
    """

    problem: str
    truth: float
    estimate: Estimate
    verdict: str

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form."""
        return {
            "problem": self.problem,
            "truth": self.truth,
            "verdict": self.verdict,
            "estimate": self.estimate.to_dict(),
        }


def validate(
    problems: Iterable[str] = tuple(ALL_PROBLEMS),
    methods: Sequence[str] = tuple(ESTIMATORS),
    *,
    count: int = 10_000,
    seed: int = 0,
    **options: Any,
) -> Iterator[KnownAnswer]:
    """Runs every method on every problem that it supports, and the channel bounds on noisy layers.

    Args:
        problems: Names of problems in :data:`~ibtrain.mi.benchmark.validate.ALL_PROBLEMS`.
        methods: Names of estimators in :data:`~ibtrain.mi.registry.ESTIMATORS`.
        count: Number of samples of each problem.
        seed: Seeds the samples and the estimators.
        **options: Options, each passed to the methods that have it.

    Yields:
        One estimate with its verdict at a time.
    """
    for problem in map(ALL_PROBLEMS.__getitem__, problems):
        samples = problem.sample(count, np.random.default_rng(derive_seed(seed, problem.name)))
        for name in methods:
            supported = {k: value for k, value in options.items() if k in ESTIMATORS[name].options}
            if result := estimate_problem(samples, name, seed=seed, **supported):
                verdict = _compare(result.mi, result.stderr, problem.mi)
                yield KnownAnswer(problem.name, problem.mi, result, verdict)
        if isinstance(problem, Problem) and problem.layer:
            yield from _channel_answers(problem, problem.layer, samples[0], seed)


def estimate_problem(
    samples: Sequence[NDArray[Any]], method: str, *, seed: int, **options: Any
) -> Estimate | None:
    """Estimates the samples of a problem; None if the method does not support their kind.

    Args:
        samples: x and y, and z if there is a condition; labels are integers.
        method: Name of an estimator in :data:`~ibtrain.mi.registry.ESTIMATORS`.
        seed: Seeds the estimator.
        **options: Options of the method.
    """
    x, y, *condition = samples
    if y.dtype.kind == "i" and not ESTIMATORS[method].reads_labels:
        return None
    if not condition:
        return estimate(x, y, method, seed=seed, **options)
    (z,) = condition
    if z.dtype.kind == "f" and method not in METHODS_GIVEN_NUMBERS:
        return None
    return conditional_mi(x, y, z, method, seed=seed, **options)


def _channel_answers(problem: Problem, layer: Layer, x: Any, seed: int) -> Iterator[KnownAnswer]:
    h = torch.from_numpy(layer.output(x)).float()
    bounds = channel_bounds(h, layer.noise_std, seed=seed)
    verdicts = _bound_verdicts(bounds, problem.mi)
    for result, verdict in zip((bounds.lower, bounds.value, bounds.upper), verdicts, strict=True):
        yield KnownAnswer(problem.name, problem.mi, result, verdict)


def _bound_verdicts(bounds: ChannelBounds, truth: float) -> tuple[str, str, str]:
    lower, upper = bounds.lower, bounds.upper
    # the value's standard error is that of the noise only; the sampling error is that of the upper bound
    stderr = math.hypot(bounds.value.stderr, upper.stderr)
    return (
        _bound_verdict(lower.mi - truth, lower.stderr, truth),
        _compare(bounds.value.mi, stderr, truth),
        _bound_verdict(truth - upper.mi, upper.stderr, truth),
    )


def _bound_verdict(excess: float, stderr: float, truth: float) -> str:
    """The verdict of a bound that is on the wrong side of the truth by ``excess``, which may be negative."""
    if excess > AGREEMENT_ERRORS * stderr:
        return "broken"
    return UNCERTAIN if _is_uncertain(stderr, truth) else "holds"


def _compare(mi: float, stderr: float, truth: float) -> str:
    if abs(mi - truth) > AGREEMENT_ERRORS * stderr:
        return "low" if mi < truth else "high"
    return UNCERTAIN if _is_uncertain(stderr, truth) else "agrees"


def _is_uncertain(stderr: float, truth: float) -> bool:
    """Whether agreement says nothing, as an estimate of zero or one that is far off would agree too."""
    return AGREEMENT_ERRORS * stderr >= max(truth, COARSEST)
