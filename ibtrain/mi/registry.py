"""Every estimator by its name, and the one function that calls them."""

import dataclasses
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ibtrain.backend.seeding import derive_seed
from ibtrain.checks import check_choice, check_integer
from ibtrain.errors import ConfigError, DataError
from ibtrain.mi.bounds.registry import BOUNDS
from ibtrain.mi.classical.binning import binning
from ibtrain.mi.classical.gaussian import gaussian
from ibtrain.mi.classical.ksg import ksg
from ibtrain.mi.classical.plug_in import plug_in
from ibtrain.mi.copies import find_copies
from ibtrain.mi.diagnostics import sample_flags
from ibtrain.mi.neural.crossfit import variational
from ibtrain.mi.neural.fit import NeuralSettings, OnCheckpoint
from ibtrain.mi.result import UNITS, Estimate
from ibtrain.mi.samples import FEWEST_BLOCKS, StoredSamples, check_side, pair_up
from ibtrain.mi.serial import variance_inflation

__all__ = ["ESTIMATORS", "Estimator", "estimate"]

MOST_LOOKED_AT = 100_000
"""Samples that are looked at, at most, for what is wrong with all."""
SERIAL = 1.25
"""Inflation of a variance by dependent rows from which on standard errors are more than a tenth too small."""
FEW_DIMENSIONS = 3
"""Dimensions up to which nearest neighbours are a second opinion."""
FEWEST_NEIGHBOURS, MOST_NEIGHBOURS = 100, 20_000
"""Samples (of each class) that they need, and that are looked at."""
DISAGREES = 3.0
"""Standard errors between both from which on they disagree."""
SMALL_DIFFERENCE = 0.02
"""Nats that are not worth a flag."""


@dataclass(frozen=True)
class Estimator:
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


def _neural(name: str, summary: str) -> Estimator:
    options = tuple(field.name for field in dataclasses.fields(NeuralSettings))
    return Estimator(summary, partial(variational, method=name), options, is_neural=True)


def _closed(run: Callable[..., Estimate], summary: str, *, reads_labels: bool = True) -> Estimator:
    _, *own = inspect.signature(run).parameters
    options = tuple(name for name in own if name != "seed")
    return Estimator(summary, run, options, reads_labels, is_random="seed" in own)


ESTIMATORS: dict[str, Estimator] = {
    **{name: _neural(name, bound.summary) for name, bound in BOUNDS.items()},
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
    discrete_x: bool | None = None,
    blocks: int = 1,
    shuffled: bool = False,
    unit: str = "nats",
    device: str = "cpu",
    on_checkpoint: OnCheckpoint | None = None,
    **options: Any,
) -> Estimate:
    """Mutual information of x and y, with its error, its ceiling and reasons to distrust it.

    A side is discrete if it is one column of strings, of truth values, or of integers (by dtype) of
    which at most a tenth are distinct; ``discrete`` and ``discrete_x`` say otherwise. With one
    discrete side it is read as the label of the other; with two, the value is the plug-in estimate of
    how often each pair of values occurs, whatever the method. Constant columns are left out. Copies of
    whole rows are left out and flagged.

    Args:
        x: Samples, ``(n,)`` or ``(n, dim_x)``: an array, a tensor, or what numpy makes one of. A
            neural method reads a memory map (``numpy.load(file, mmap_mode="r")``) piece by piece.
        y: Their partners, ``(n,)`` or ``(n, dim_y)``.
        method: A name in :data:`ESTIMATORS`.
        seed: Seeds everything random.
        discrete: Whether y is discrete; None decides by its values.
        discrete_x: The same of x.
        blocks: Consecutive rows that may depend on each other, as in a time series. Samples are then
            split, and standard errors computed, by blocks of so many rows.
        shuffled: Whether the same method also estimates the information of samples with shuffled y,
            which is 0 in truth: ``estimate.shuffled``.
        unit: ``nats`` or ``bits``.
        device: Where a neural method's critic lives.
        on_checkpoint: Called with a neural method's values at each look at the selection split.
        **options: The method's own, such as ``k`` of ``ksg`` or the fields of
            :class:`~ibtrain.mi.neural.fit.NeuralSettings`.

    Returns:
        The value in the unit. Where one side is constant it is zero, flagged ``constant``.

    Raises:
        DataError: If the samples can't be used: not numbers, NaN, different lengths, too few.
        ConfigError: If the method or an option is unknown or out of range.

    Example:
        >>> import numpy as np
        >>> x, noise = np.random.default_rng(0).standard_normal((2, 2000))
        >>> round(estimate(x, x + noise, "gaussian").mi, 2)  # 0.35 in truth
        0.34
    """
    check_choice("method", method, tuple(ESTIMATORS))
    check_choice("unit", unit, UNITS)
    check_integer("seed", seed, 0)
    check_integer("blocks", blocks, 1)
    chosen = ESTIMATORS[method]
    for name in options:
        if name not in chosen.options:
            known = ", ".join(chosen.options) or "none"
            raise ConfigError(repr(name), f"one of {known}", f"options of {method}")
    if chosen.is_neural:
        options |= {"device": device, "on_checkpoint": on_checkpoint}
    if chosen.is_random:
        options["seed"] = seed
    sides = (
        check_side("x", x, discrete=discrete_x),
        check_side("y", y, discrete=discrete),
    )
    samples = pair_up(*sides, blocks)
    read_as = {name: side.describe() for name, side in zip("xy", sides, strict=True)}
    kept, flags = _examine_rows(samples)
    found = _run(chosen, method, kept, seed, options)
    entropies = [side.entropy for side in (kept.x, kept.y) if side.entropy is not None]
    if shuffled:
        order = np.random.default_rng(derive_seed(seed, "shuffled")).permutation(len(kept))
        mixed = replace(kept, y=replace(kept.y, values=kept.y.values[order]), block=1)
        silent = options | ({"on_checkpoint": None} if chosen.is_neural else {})
        found = replace(found, shuffled=_run(chosen, method, mixed, seed, silent))
    flags = tuple(dict.fromkeys((*found.flags, *flags)))
    found = replace(found, read_as=read_as, flags=flags, entropy=min(entropies, default=None))
    return found.to_unit(unit)


def _examine_rows(samples: StoredSamples) -> tuple[StoredSamples, tuple[str, ...]]:
    """The samples that are used, without copies, and what is wrong with the rows that were given."""
    flags: tuple[str, ...] = ()
    if samples.is_constant:
        return samples, flags
    if variance_inflation(samples) > SERIAL:
        flags = ("serial",)
    is_counted = samples.x.classes is not None and samples.y.classes is not None
    # rows of a series that repeat stay in their blocks, whose errors count them as what they are
    if not is_counted and samples.block == 1 and (copies := find_copies(samples)):
        return samples.only(copies.rows), (*flags, "copies")
    return samples, flags


def _run(
    method: Estimator, name: str, samples: StoredSamples, seed: int, options: dict[str, Any]
) -> Estimate:
    """The estimate in nats of checked samples, with the flags that follow from their values."""
    count = len(samples)
    if samples.is_constant:
        return Estimate(0.0, 0.0, name, math.log(count), ("constant",), n_test=count)
    if samples.x.classes is not None and samples.y.classes is not None:
        return plug_in(samples.x.labels(), samples.y.labels(), seed=seed, block=samples.block)
    if samples.x.classes is not None:
        # information is symmetric, and estimators read a label as y
        samples = replace(samples, x=samples.y, y=samples.x)
    if samples.num_classes and not method.reads_labels:
        expected = "continuous x and y (or discrete=False)"
        raise DataError("a discrete side", expected, f"samples of method {name}")
    found = method.run(samples if method.is_neural else samples.take(), **options)
    flags: tuple[str, ...] = ()
    if method.is_neural and _is_far_below_neighbours(found, samples, seed):
        flags = ("below_neighbours",)
    return _with_flags(found, samples, flags)


def _is_far_below_neighbours(found: Estimate, samples: StoredSamples, seed: int) -> bool:
    """Whether nearest neighbours, which are at their best in few dimensions, find more than a critic did."""
    count = min(len(samples), MOST_NEIGHBOURS)
    dims = len(samples.x.varying) + (0 if samples.num_classes else len(samples.y.varying))
    fewest = max(FEWEST_NEIGHBOURS * max(samples.num_classes, 1), FEWEST_BLOCKS * samples.block)
    if dims > FEW_DIMENSIONS or count < fewest:
        return False
    rows = np.linspace(0, len(samples) - 1, count) if samples.block == 1 else np.arange(count)
    second = ksg(samples.take(rows.astype(np.int64)), seed=seed)
    difference = second.mi - found.mi
    return difference > max(DISAGREES * math.hypot(found.stderr, second.stderr), SMALL_DIFFERENCE)


def _with_flags(found: Estimate, samples: StoredSamples, flags: tuple[str, ...]) -> Estimate:
    count = len(samples)
    few = samples.take(np.linspace(0, count - 1, min(MOST_LOOKED_AT, count)).astype(np.int64))
    flags = (*found.flags, *flags, *sample_flags(few.x, few.y, few.labels))
    return replace(found, flags=tuple(dict.fromkeys(flags)))
