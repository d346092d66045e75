"""The estimators by name, and the function that runs them."""

import dataclasses
import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ibtrain import __version__
from ibtrain.checks import check_choice, check_integer
from ibtrain.config import UNITS
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
from ibtrain.mi.permutation import MAX_PERMUTATIONS, permutation_test
from ibtrain.mi.result import Estimate
from ibtrain.mi.samples import MIN_BLOCKS, StoredSamples, check_side, pair_up
from ibtrain.mi.serial import variance_inflation
from ibtrain.text import hint

__all__ = [
    "ESTIMATORS",
    "MAX_EXAMINED",
    "MAX_INFLATION",
    "MAX_KSG_DIMENSIONS",
    "MAX_KSG_SAMPLES",
    "MIN_KSG_SAMPLES",
    "Estimator",
    "check_options",
    "estimate",
    "is_far_above",
]

MAX_EXAMINED = 100_000
"""Maximum number of samples that are examined for problems of the data."""
MAX_INFLATION = 1.25
"""Largest inflation of the variance by dependent rows; above it, standard errors are more than a tenth too small."""
MAX_KSG_DIMENSIONS = 3
"""Largest number of dimensions in which a critic's value is compared with nearest neighbours."""
MIN_KSG_SAMPLES, MAX_KSG_SAMPLES = 100, 20_000
"""Minimum number of samples (of each class) for that comparison, and maximum number of samples in it."""
DIFFERENCE_ERRORS = 3.0
"""Number of standard errors of a significant difference between both values."""
MIN_DIFFERENCE = 0.02
"""Smallest difference, in nats, that is flagged."""


@dataclass(frozen=True)
class Estimator:
    """An estimator.

    Args:
        summary: Description in one line.
        run: Function from samples, and options as keyword arguments, to an estimate.
        options: Names of the options, without the seed.
        reads_labels: Whether y may be a label.
        is_random: Whether the estimator takes a seed.
        is_neural: Whether the estimator fits a critic; it then takes a device and a callback for checkpoints.
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


def _classical(
    run: Callable[..., Estimate], summary: str, *, reads_labels: bool = True
) -> Estimator:
    _, *parameters = inspect.signature(run).parameters
    options = tuple(name for name in parameters if name != "seed")
    return Estimator(summary, run, options, reads_labels, is_random="seed" in parameters)


ESTIMATORS: dict[str, Estimator] = {
    **{name: _neural(name, bound.summary) for name, bound in BOUNDS.items()},
    "ksg": _classical(ksg, "nearest neighbours (Kraskov; Ross for a label)"),
    "binning": _classical(binning, "plug-in estimate on bins"),
    "gaussian": _classical(gaussian, "closed form if jointly Gaussian", reads_labels=False),
}
"""The estimators by name."""


def estimate(
    x: Any,
    y: Any,
    method: str = "mine",
    *,
    seed: int = 0,
    discrete: bool | None = None,
    discrete_x: bool | None = None,
    blocks: int = 1,
    permutations: int = 0,
    unit: str = "nats",
    device: str = "cpu",
    on_checkpoint: OnCheckpoint | None = None,
    progress: bool = True,
    **options: Any,
) -> Estimate:
    """Estimates the mutual information of x and y, with its standard error, its ceiling and its flags.

    A side is discrete if it is one column of strings, of booleans, or of integers (by dtype) of which at most a
    tenth are distinct; ``discrete`` and ``discrete_x`` override this. A single discrete side is the label of the
    other side. If both sides are discrete, the value is the plug-in estimate from the counts of pairs,
    whichever the method. Constant columns are left out. Copies of whole rows are left out and flagged.

    Args:
        x: Samples of x, ``(n,)`` or ``(n, dim_x)``: an array, a tensor, columns of a data frame, or anything that
            numpy converts to an array. A neural method reads a memory map (``numpy.load(file, mmap_mode="r")``) piece by piece.
        y: Samples of y, ``(n,)`` or ``(n, dim_y)``, in the same order.
        method: Name of an estimator in :data:`ESTIMATORS`.
        seed: Seeds all random numbers.
        discrete: Whether y is discrete; None decides from its values.
        discrete_x: Whether x is discrete; None decides from its values.
        blocks: Number of consecutive rows that may depend on each other, as in a time series. Samples are then
            split, and standard errors computed, by blocks of this many rows.
        permutations: Number N of times that the samples are estimated again with shuffled y (blocks of it stay whole):
            ``estimate.permutation`` has the p-value, which is at least 1 / (N + 1), and the mean, the bias.
        unit: ``nats`` or ``bits``.
        device: Device of a neural method's critic.
        on_checkpoint: Called with the values of a neural method at each evaluation on the selection split.
        progress: Whether a neural method shows a progress bar, if there is a terminal or a notebook.
        **options: Options of the method, such as ``k`` of ``ksg`` or the fields of
            :class:`~ibtrain.mi.neural.fit.NeuralSettings`.

    Returns:
        The estimate in the chosen unit. If one side is constant, the value is zero with the flag ``constant``.

    Raises:
        DataError: If the samples can't be used: not numbers, NaN, different lengths, too few samples.
        ConfigError: If the method or an option is unknown or out of range.

    Example:
        >>> import numpy as np
        >>> x, noise = np.random.default_rng(0).standard_normal((2, 2000))
        >>> round(estimate(x, x + noise, "gaussian").mi, 2)  # the true value is 0.35
        0.34
    """
    check_choice("method", method, tuple(ESTIMATORS))
    check_choice("unit", unit, UNITS)
    check_integer("seed", seed, 0)
    check_integer("blocks", blocks, 1)
    check_integer("permutations", permutations, 0, MAX_PERMUTATIONS)
    estimator = ESTIMATORS[method]
    check_options(method, options)
    if estimator.is_neural:
        options |= {"device": device, "on_checkpoint": on_checkpoint, "progress": progress}
    if estimator.is_random:
        options["seed"] = seed
    sides = (
        check_side("x", x, discrete=discrete_x),
        check_side("y", y, discrete=discrete),
    )
    samples = pair_up(*sides, blocks)
    read_as = {name: side.describe() for name, side in zip("xy", sides, strict=True)}
    kept, flags = _examine_rows(samples)
    result = _run(estimator, method, kept, seed, options)
    entropies = [side.entropy for side in (kept.x, kept.y) if side.entropy is not None]
    if permutations:
        quiet_options = options | ({"on_checkpoint": None} if estimator.is_neural else {})

        def value_of(permuted: StoredSamples) -> float:
            return _estimate(estimator, method, permuted, seed, quiet_options).mi

        test = permutation_test(kept, result.mi, value_of, permutations, seed)
        result = replace(result, permutation=test)
    return replace(
        result,
        read_as=read_as,
        flags=tuple(dict.fromkeys((*result.flags, *flags))),
        entropy=min(entropies, default=None),
        seed=seed,
        version=__version__,
    ).to_unit(unit)


def check_options(method: str, options: Iterable[str]) -> None:
    """Checks that a method has all options of these names."""
    for name in options:
        if name not in ESTIMATORS[method].options:
            names = ", ".join(ESTIMATORS[method].options) or "none"
            expected = f"one of {names}{hint(name, ESTIMATORS[method].options)}"
            raise ConfigError(repr(name), expected, f"options of {method}")


def _examine_rows(samples: StoredSamples) -> tuple[StoredSamples, tuple[str, ...]]:
    """Returns the samples without copies, and the flags of the input rows."""
    flags: tuple[str, ...] = ()
    if samples.is_constant:
        return samples, flags
    if variance_inflation(samples) > MAX_INFLATION:
        flags = ("serial",)
    is_counted = samples.x.classes is not None and samples.y.classes is not None
    # repeated rows of a series stay in their blocks, and errors by blocks account for them
    if not is_counted and samples.block == 1 and (copies := find_copies(samples)):
        return samples.only(copies.rows), (*flags, "copies")
    return samples, flags


def _estimate(
    method: Estimator, name: str, samples: StoredSamples, seed: int, options: dict[str, Any]
) -> Estimate:
    """Runs an estimator on checked samples; returns the estimate in nats with the flags of the method."""
    count = len(samples)
    if samples.is_constant:
        return Estimate(0.0, 0.0, name, math.log(count), ("constant",), n_test=count)
    if samples.x.classes is not None and samples.y.classes is not None:
        return plug_in(samples.x.labels(), samples.y.labels(), seed=seed, block=samples.block)
    samples = _label_last(samples)
    if samples.num_classes and not method.reads_labels:
        expected = "continuous x and y (or discrete=False)"
        raise DataError("a discrete side", expected, f"samples of method {name}")
    return method.run(samples if method.is_neural else samples.take(), **options)


def _label_last(samples: StoredSamples) -> StoredSamples:
    """Returns the samples with the label, if one side is discrete, as y, where estimators read it."""
    if samples.x.classes is None:
        return samples
    return replace(samples, x=samples.y, y=samples.x)


def _run(
    method: Estimator, name: str, samples: StoredSamples, seed: int, options: dict[str, Any]
) -> Estimate:
    """Runs an estimator on checked samples; returns the estimate in nats with all flags of the samples."""
    result = _estimate(method, name, samples, seed, options)
    is_counted = samples.x.classes is not None and samples.y.classes is not None
    if samples.is_constant or is_counted:
        return result
    samples = _label_last(samples)
    flags: tuple[str, ...] = ()
    if method.is_neural and _is_far_below_neighbours(result, samples, seed):
        flags = ("below_neighbours",)
    return _with_flags(result, samples, flags)


def _is_far_below_neighbours(result: Estimate, samples: StoredSamples, seed: int) -> bool:
    """Returns whether nearest neighbours, which are reliable in few dimensions, give a higher value than the critic."""
    count = min(len(samples), MAX_KSG_SAMPLES)
    dims = len(samples.x.varying) + (0 if samples.num_classes else len(samples.y.varying))
    fewest = max(MIN_KSG_SAMPLES * max(samples.num_classes, 1), MIN_BLOCKS * samples.block)
    if dims > MAX_KSG_DIMENSIONS or count < fewest:
        return False
    rows = np.linspace(0, len(samples) - 1, count) if samples.block == 1 else np.arange(count)
    ksg_result = ksg(samples.take(rows.astype(np.int64)), seed=seed)
    return is_far_above(ksg_result, result)


def is_far_above(first: Estimate, second: Estimate) -> bool:
    """Returns whether the first estimate is significantly higher than the second."""
    difference = first.mi - second.mi
    return difference > max(
        DIFFERENCE_ERRORS * math.hypot(first.stderr, second.stderr), MIN_DIFFERENCE
    )


def _with_flags(result: Estimate, samples: StoredSamples, flags: tuple[str, ...]) -> Estimate:
    count = len(samples)
    examined = samples.take(np.linspace(0, count - 1, min(MAX_EXAMINED, count)).astype(np.int64))
    flags = (*result.flags, *flags, *sample_flags(examined.x, examined.y, examined.labels))
    return replace(result, flags=tuple(dict.fromkeys(flags)))
