"""Compares estimators with problems of known mutual information."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ibtrain.backend.seeding import derive_seed
from ibtrain.mi.benchmark.problems import PROBLEMS, Layer, Problem
from ibtrain.mi.channel.bounds import ChannelBounds, channel_bounds
from ibtrain.mi.registry import ESTIMATORS, estimate
from ibtrain.mi.result import Estimate

__all__ = ["KnownAnswer", "validate"]

AGREEMENT_ERRORS = 3.0
"""Number of standard errors within which an estimate agrees with the truth."""


@dataclass(frozen=True)
class KnownAnswer:
    """One method's estimate for one problem, with the true value.

    Args:
        problem: Name of the problem.
        truth: True mutual information in nats.
        estimate: Estimate of the method.
        verdict: ``agrees`` within 3 standard errors, otherwise ``low`` or ``high``; for a bound
            ``holds`` or ``broken``.
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
    problems: Iterable[str] = tuple(PROBLEMS),
    methods: Sequence[str] = tuple(ESTIMATORS),
    *,
    count: int = 10_000,
    seed: int = 0,
    **options: Any,
) -> Iterator[KnownAnswer]:
    """Runs every method on every problem that it supports, and the channel bounds on noisy layers.

    Args:
        problems: Names of problems in :data:`~ibtrain.mi.benchmark.problems.PROBLEMS`.
        methods: Names of estimators in :data:`~ibtrain.mi.registry.ESTIMATORS`.
        count: Number of samples of each problem.
        seed: Seeds the samples and the estimators.
        **options: Options, each passed to the methods that have it.

    Yields:
        One estimate with its verdict at a time.
    """
    for problem in map(PROBLEMS.__getitem__, problems):
        x, y = problem.sample(count, np.random.default_rng(derive_seed(seed, problem.name)))
        is_label = y.dtype.kind == "i"
        for name in methods:
            method = ESTIMATORS[name]
            if is_label and not method.reads_labels:
                continue
            supported = {key: value for key, value in options.items() if key in method.options}
            result = estimate(x, y, name, seed=seed, **supported)
            verdict = _compare(result.mi, result.stderr, problem.mi)
            yield KnownAnswer(problem.name, problem.mi, result, verdict)
        if problem.layer:
            yield from _channel_answers(problem, problem.layer, x, seed)


def _channel_answers(problem: Problem, layer: Layer, x: Any, seed: int) -> Iterator[KnownAnswer]:
    h = torch.from_numpy(layer.output(x)).float()
    bounds = channel_bounds(h, layer.noise_std, seed=seed)
    verdicts = _bound_verdicts(bounds, problem.mi)
    for result, verdict in zip((bounds.lower, bounds.value, bounds.upper), verdicts, strict=True):
        yield KnownAnswer(problem.name, problem.mi, result, verdict)


def _bound_verdicts(bounds: ChannelBounds, truth: float) -> tuple[str, str, str]:
    lower = bounds.lower.mi - AGREEMENT_ERRORS * bounds.lower.stderr <= truth
    upper = bounds.upper.mi + AGREEMENT_ERRORS * bounds.upper.stderr >= truth
    # the value's standard error is that of the noise only; the sampling error is that of the upper bound
    stderr = math.hypot(bounds.value.stderr, bounds.upper.stderr)
    words = {True: "holds", False: "broken"}
    return words[lower], _compare(bounds.value.mi, stderr, truth), words[upper]


def _compare(mi: float, stderr: float, truth: float) -> str:
    if abs(mi - truth) <= AGREEMENT_ERRORS * stderr:
        return "agrees"
    return "low" if mi < truth else "high"
