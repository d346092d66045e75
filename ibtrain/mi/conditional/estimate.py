"""The function that estimates conditional mutual information."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ibtrain import __version__
from ibtrain.checks import check_choice, check_integer
from ibtrain.config import UNITS
from ibtrain.errors import ConfigError, DataError
from ibtrain.mi.classical.gaussian import conditional_gaussian
from ibtrain.mi.classical.plug_in import plug_in
from ibtrain.mi.conditional.classes import mean_of_classes, of_each_class
from ibtrain.mi.conditional.neighbours import conditional_ksg
from ibtrain.mi.conditional.samples import ConditionalSamples
from ibtrain.mi.copies import find_copies
from ibtrain.mi.neural.chain_rule import chain_rule
from ibtrain.mi.neural.fit import NeuralSettings, OnCheckpoint
from ibtrain.mi.registry import (
    ESTIMATORS,
    MAX_EXAMINED,
    MAX_INFLATION,
    MAX_KSG_DIMENSIONS,
    MAX_KSG_SAMPLES,
    MIN_KSG_SAMPLES,
    check_options,
    estimate,
    is_far_above,
)
from ibtrain.mi.result import Estimate
from ibtrain.mi.samples import MIN_BLOCKS, Side, StoredSamples, check_side, pair_up
from ibtrain.mi.serial import variance_inflation

__all__ = ["METHODS_GIVEN_NUMBERS", "conditional_mi"]

Rows = NDArray[np.intp]

METHODS_GIVEN_NUMBERS = (
    "ksg",
    "gaussian",
    *(name for name, method in ESTIMATORS.items() if method.is_neural),
)
"""Methods for a continuous z. x and y that are independent given z depend on each other within a bin of z, so that
``binning`` is not one of them."""
ROUNDING_ERROR = 1e-9
"""Largest rounding error of an entropy, in nats."""
OPTIONS_OF_KSG = ("k",)
"""Options of ``ksg`` for a continuous z."""
BY_CLASSES = "{}, an estimate for each"
BY_CHAIN_RULE = "{}; I(x; y, z) - I(x; z), a difference of two bounds, which is not a bound"


def conditional_mi(
    x: Any,
    y: Any,
    z: Any,
    method: str = "mine",
    *,
    seed: int = 0,
    discrete: bool | None = None,
    discrete_x: bool | None = None,
    discrete_z: bool | None = None,
    blocks: int = 1,
    unit: str = "nats",
    device: str = "cpu",
    on_checkpoint: OnCheckpoint | None = None,
    progress: bool = True,
    **options: Any,
) -> Estimate:
    r"""Estimates the conditional mutual information of x and y given z, :math:`I(x; y \mid z)`.

    All sides are read as by :func:`~ibtrain.mi.registry.estimate`. How the value is computed depends on z:

    - **All sides discrete**: from the counts of their values, whichever the method
      (``plug_in``).
    - **Discrete z**: :math:`\sum_k p(z = k) \, I(x; y \mid z = k)`, an estimate by the method for each class
      (``mean_of_classes``).
    - **Continuous z**: ``ksg`` counts neighbours
      (``conditional_ksg``), ``gaussian`` computes partial correlations
      (``conditional_gaussian``), and a neural method fits two critics
      (``chain_rule``): the difference of two lower bounds is not a bound.

    Args:
        x: Samples of x, ``(n,)`` or ``(n, dim_x)``.
        y: Samples of y, ``(n,)`` or ``(n, dim_y)``, in the same order.
        z: Samples of the condition, ``(n,)`` or ``(n, dim_z)``, in the same order.
        method: Name of an estimator in :data:`~ibtrain.mi.registry.ESTIMATORS`; ``binning`` only for a discrete z.
        seed: Seeds all random numbers.
        discrete: Whether y is discrete; None decides from its values.
        discrete_x: Whether x is discrete; None decides from its values.
        discrete_z: Whether z is discrete; None decides from its values.
        blocks: Number of consecutive rows that may depend on each other, as in a time series; if z is discrete and
            another side is not, only 1.
        unit: ``nats`` or ``bits``.
        device: Device of the critics of a neural method.
        on_checkpoint: Called with the values of a neural method at each checkpoint of every critic.
        progress: Whether a neural method shows a progress bar, if there is a terminal or a notebook.
        **options: Options of the method; of ``ksg`` only ``k`` if z is continuous.

    Returns:
        The estimate in the chosen unit, with the ceiling H(x | z) or H(y | z) if z and that side are discrete.

    Raises:
        DataError: If the samples can't be used, or if a class of z has too few of them.
        ConfigError: If the method or an option is unknown, out of range, or not for this kind of z.

    Example:
        >>> import numpy as np
        >>> x, y = np.random.default_rng(0).integers(0, 2, (2, 1000))
        >>> round(conditional_mi(x, y, x ^ y, unit="bits").mi, 2)  # x and y are independent, but not given x xor y
        1.0
    """
    check_choice("method", method, tuple(ESTIMATORS))
    check_choice("unit", unit, UNITS)
    check_integer("seed", seed, 0)
    check_integer("blocks", blocks, 1)
    check_options(method, options)
    sides = {
        name: check_side(name, values, discrete=is_discrete)
        for name, values, is_discrete in (
            ("x", x, discrete_x),
            ("y", y, discrete),
            ("z", z, discrete_z),
        )
    }
    read_as = {name: side.describe() for name, side in sides.items()}
    samples = ConditionalSamples(sides["x"], sides["y"], sides["z"], blocks)
    pair_up(samples.x, samples.y, blocks)
    if len(samples.z) != len(samples):
        given = f"{len(samples)} and {len(samples.z)} samples"
        raise DataError(given, "the same number of each", "x, y and z")
    critic = {"device": device, "on_checkpoint": on_checkpoint, "progress": progress}
    if all(side.classes is not None for side in sides.values()):
        result = _counted(samples, seed)
    elif samples.z.is_constant or samples.z.classes is not None:
        result = _by_classes(samples, method, seed, {**critic, **options})
        read_as["z"] = BY_CLASSES.format(read_as["z"])
    else:
        result = _given_numbers(samples, method, seed, options, critic)
        if ESTIMATORS[method].is_neural:
            read_as["z"] = BY_CHAIN_RULE.format(read_as["z"])
    return replace(result, read_as=read_as, seed=seed, version=__version__).to_unit(unit)


def _counted(samples: ConditionalSamples, seed: int) -> Estimate:
    symbols = (side.labels() for side in (samples.x, samples.y, samples.z))
    result = plug_in(*symbols, seed=seed, block=samples.block)
    if result.ceiling <= ROUNDING_ERROR:
        # z determines one of the sides
        result = replace(result, mi=0.0, stderr=0.0, ceiling=0.0, flags=("constant",))
    return replace(result, entropy=result.ceiling)


def _by_classes(
    samples: ConditionalSamples, method: str, seed: int, options: dict[str, Any]
) -> Estimate:
    """Estimates each class of z by itself, and returns the mean."""
    x, y, z = samples.x, samples.y, samples.z
    if samples.block > 1:
        expected = "1 (rows of one class of z are not consecutive)"
        raise ConfigError(samples.block, expected, "blocks")
    if z.classes is None:
        # a constant: all samples are of one class
        z = Side(np.zeros((len(z), 1), dtype=int), z.varying, z.smallest, np.zeros(1, dtype=int))
        z = replace(z, class_counts=np.array([len(z)]))

    def estimate_rows(rows: Rows) -> Estimate:
        return estimate(
            x.values[rows],
            y.values[rows],
            method,
            seed=seed,
            discrete_x=x.classes is not None,
            discrete=y.classes is not None,
            **options,
        )

    estimates = of_each_class(z, estimate_rows)
    assert z.class_counts is not None
    return mean_of_classes(estimates, z.class_counts.tolist())


def _given_numbers(
    samples: ConditionalSamples,
    method: str,
    seed: int,
    options: dict[str, Any],
    critic: dict[str, Any],
) -> Estimate:
    """Estimates x and y given a continuous z; returns the estimate with all flags of the samples."""
    if samples.x.is_constant or samples.y.is_constant:
        return Estimate(0.0, 0.0, method, 0.0, ("constant",), n_test=len(samples))
    if method not in METHODS_GIVEN_NUMBERS:
        expected = f"a discrete z, or one of {', '.join(METHODS_GIVEN_NUMBERS)}"
        raise ConfigError(f"{method} with a continuous z", expected, "method")
    flags: tuple[str, ...] = ()
    pairs = StoredSamples(samples.x, samples.y, samples.block)
    if variance_inflation(pairs) > MAX_INFLATION:
        flags = ("serial",)
    copies = None if samples.block > 1 or samples.has_classes else _find_copies(samples)
    if copies is not None:
        samples, flags = samples.only(copies), (*flags, "copies")
    if ESTIMATORS[method].is_neural:
        settings = NeuralSettings(**options)
        result = chain_rule(samples.terms(), method, settings, seed=seed, **critic)
        if _is_far_below_neighbours(result, samples, seed):
            flags = (*flags, "below_neighbours")
    elif method == "ksg":
        for name in options:
            check_choice("option of ksg given a continuous z", name, OPTIONS_OF_KSG)
        result = conditional_ksg(samples, seed=seed, **options)
    else:
        if samples.has_classes:
            expected = "continuous x and y (or discrete=False)"
            raise DataError("a discrete side", expected, "samples of method gaussian")
        x, y, z = (side.numbers() for side in (samples.x, samples.y, samples.z))
        result = conditional_gaussian(x, y, z, samples.block)
    rows = np.linspace(0, len(samples) - 1, min(MAX_EXAMINED, len(samples))).astype(np.int64)
    flags = tuple(dict.fromkeys((*result.flags, *flags, *samples.flags(rows))))
    return replace(result, flags=flags, entropy=samples.entropy)


def _is_far_below_neighbours(result: Estimate, samples: ConditionalSamples, seed: int) -> bool:
    """Returns whether nearest neighbours, which are reliable in few dimensions, give a higher value than the critics."""
    count = min(len(samples), MAX_KSG_SAMPLES)
    fewest = max(
        MIN_KSG_SAMPLES * max(samples.x.num_classes, samples.y.num_classes, 1),
        MIN_BLOCKS * samples.block,
    )
    if samples.dim > MAX_KSG_DIMENSIONS or count < fewest:
        return False
    rows = np.linspace(0, len(samples) - 1, count) if samples.block == 1 else np.arange(count)
    by_neighbours = conditional_ksg(samples.only(rows.astype(np.intp)), seed=seed)
    return is_far_above(by_neighbours, result)


def _find_copies(samples: ConditionalSamples) -> Rows | None:
    """Returns the rows that remain without copies of whole rows; None if there are no copies."""
    condition = np.hstack([samples.y.numbers(), samples.z.numbers()])
    joint = check_side("y and z", condition, discrete=False)
    copies = find_copies(StoredSamples(samples.x, joint))
    return None if copies is None else copies.rows
