"""Every estimator by its name, and the one function that calls them."""

import dataclasses
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ibtrain.checks import check_choice, check_integer
from ibtrain.errors import ConfigError, DataError
from ibtrain.mi.binning import binning
from ibtrain.mi.diagnostics import sample_flags
from ibtrain.mi.gaussian import gaussian
from ibtrain.mi.ksg import ksg
from ibtrain.mi.neural import NeuralSettings, OnCheckpoint
from ibtrain.mi.result import Estimate
from ibtrain.mi.samples import StoredSamples, check_stored
from ibtrain.mi.variational import variational

__all__ = ["METHODS", "Method", "estimate"]

MOST_LOOKED_AT = 100_000
"""Samples that are looked at, at most, for what is wrong with all."""


@dataclass(frozen=True)
class Method:
    """An estimator.

    Args:
        summary: What it is, in a line.
        run: Maps samples, and options by name, to an estimate.
        options: Names of the options that it takes, beside the seed.
        reads_labels: Whether y may be a label.
        is_random: Whether it takes a seed.
        is_neural: Whether it fits a critic: it then takes a device, and shows its checkpoints.
    """

    summary: str
    run: Callable[..., Estimate]
    options: tuple[str, ...]
    reads_labels: bool = True
    is_random: bool = True
    is_neural: bool = False


def _neural(name: str, summary: str) -> Method:
    options = tuple(field.name for field in dataclasses.fields(NeuralSettings))
    return Method(summary, partial(variational, method=name), options, is_neural=True)


def _closed(run: Callable[..., Estimate], summary: str, *, reads_labels: bool = True) -> Method:
    _, *own = inspect.signature(run).parameters
    options = tuple(name for name in own if name != "seed")
    return Method(summary, run, options, reads_labels, is_random="seed" in own)


METHODS: dict[str, Method] = {
    "mine": _neural("mine", "Donsker-Varadhan bound, its gradient corrected by a running average"),
    "nwj": _neural("nwj", "Nguyen-Wainwright-Jordan bound"),
    "infonce": _neural("infonce", "InfoNCE; low variance, at most the logarithm of the samples"),
    "smile": _neural("smile", "clipped Donsker-Varadhan estimate of a critic trained on JS"),
    "js": _neural("js", "NWJ bound of a critic trained on the Jensen-Shannon bound"),
    "ksg": _closed(ksg, "nearest neighbours (Kraskov; Ross for a label)"),
    "binning": _closed(binning, "plug-in estimate on bins"),
    "gaussian": _closed(gaussian, "closed form if jointly Gaussian", reads_labels=False),
}
"""Every estimator by its name."""


def estimate(
    x: Any,
    y: Any,
    method: str = "mine",
    *,
    seed: int = 0,
    discrete: bool | None = None,
    device: str = "cpu",
    on_checkpoint: OnCheckpoint | None = None,
    **options: Any,
) -> Estimate:
    """Mutual information of x and y, with its error, its ceiling and reasons to distrust it.

    Args:
        x: Samples, ``(n,)`` or ``(n, dim_x)``: an array, a tensor, or what numpy makes one of. A
            neural method reads a memory map (``numpy.load(file, mmap_mode="r")``) piece by piece.
        y: Their partners, ``(n,)`` or ``(n, dim_y)``; a column of integers (by dtype) with few
            distinct values is a label.
        method: A name in :data:`METHODS`.
        seed: Of everything random.
        discrete: Whether y is a label; None looks at it.
        device: Where a neural method's critic lives.
        on_checkpoint: Called with a neural method's values at each look at the selection split.
        **options: The method's own, such as ``k`` of ``ksg`` or the fields of
            :class:`~ibtrain.mi.neural.NeuralSettings`.

    Returns:
        The value in nats. Where one side is constant it is zero, flagged ``constant``.

    Raises:
        DataError: The samples can't be used: not numbers, NaN, a constant column among others,
            different lengths, too few.
        ConfigError: The method or an option is unknown or out of range.
    """
    check_choice("method", method, tuple(METHODS))
    check_integer("seed", seed, 0)
    chosen = METHODS[method]
    for name in options:
        if name not in chosen.options:
            known = ", ".join(chosen.options) or "none"
            raise ConfigError(repr(name), f"one of {known}", f"options of {method}")
    samples = check_stored(x, y, discrete=discrete)
    if samples.num_classes and not chosen.reads_labels:
        raise DataError("labels", "continuous y (or discrete=False)", f"y of method {method}")
    if samples.is_constant:
        ceiling = math.log(len(samples))
        return Estimate(0.0, 0.0, method, ceiling, ("constant",), n_test=len(samples))
    if chosen.is_random:
        options["seed"] = seed
    if chosen.is_neural:
        options |= {"device": device, "on_checkpoint": on_checkpoint}
    found = chosen.run(samples if chosen.is_neural else samples.take(), **options)
    return _with_flags(found, samples)


def _with_flags(found: Estimate, samples: StoredSamples) -> Estimate:
    count = len(samples)
    few = samples.take(np.linspace(0, count - 1, min(MOST_LOOKED_AT, count)).astype(np.int64))
    flags = dict.fromkeys((*found.flags, *sample_flags(few.x, few.y, few.labels)))
    return replace(found, flags=tuple(flags))
