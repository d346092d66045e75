"""Estimators against problems whose answer is known."""

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

STANDARD_ERRORS = 3.0


@dataclass(frozen=True)
class KnownAnswer:
    """One method's estimate for one problem, beside the truth.

    Args:
        problem: Its name.
        truth: In nats.
        estimate: What the method found.
        verdict: ``agrees`` within 3 standard errors, else ``low`` or ``high``; for a bound
            ``holds`` or ``broken``.
    """

    problem: str
    truth: float
    estimate: Estimate
    verdict: str

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
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
    """Every method on every problem that it can read; noisy layers get their bracket as well.

    Args:
        problems: Names in :data:`~ibtrain.mi.benchmark.problems.PROBLEMS`.
        methods: Names in :data:`~ibtrain.mi.registry.ESTIMATORS`.
        count: Samples of each problem.
        seed: Of samples and estimators.
        **options: Of those methods that know them.

    Yields:
        An answer at a time, as they are found.
    """
    for problem in map(PROBLEMS.__getitem__, problems):
        x, y = problem.sample(count, np.random.default_rng(derive_seed(seed, problem.name)))
        is_label = y.dtype.kind == "i"
        for name in methods:
            method = ESTIMATORS[name]
            if is_label and not method.reads_labels:
                continue
            own = {key: value for key, value in options.items() if key in method.options}
            found = estimate(x, y, name, seed=seed, **own)
            verdict = _compare(found.mi, found.stderr, problem.mi)
            yield KnownAnswer(problem.name, problem.mi, found, verdict)
        if problem.layer:
            yield from _known_noise(problem, problem.layer, x, seed)


def _known_noise(problem: Problem, layer: Layer, x: Any, seed: int) -> Iterator[KnownAnswer]:
    h = torch.from_numpy(layer.output(x)).float()
    found = channel_bounds(h, layer.noise_std, seed=seed)
    verdicts = _bracket_verdicts(found, problem.mi)
    for part, verdict in zip((found.lower, found.value, found.upper), verdicts, strict=True):
        yield KnownAnswer(problem.name, problem.mi, part, verdict)


def _bracket_verdicts(found: ChannelBounds, truth: float) -> tuple[str, str, str]:
    lower = found.lower.mi - STANDARD_ERRORS * found.lower.stderr <= truth
    upper = found.upper.mi + STANDARD_ERRORS * found.upper.stderr >= truth
    # the value's own error is that of the noise alone; another draw of the samples adds the upper's
    stderr = math.hypot(found.value.stderr, found.upper.stderr)
    words = {True: "holds", False: "broken"}
    return words[lower], _compare(found.value.mi, stderr, truth), words[upper]


def _compare(mi: float, stderr: float, truth: float) -> str:
    if abs(mi - truth) <= STANDARD_ERRORS * stderr:
        return "agrees"
    return "low" if mi < truth else "high"
