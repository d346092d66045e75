"""Conditional mutual information for a discrete z: the mean over its classes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ibtrain.errors import ConfigError, DataError
from ibtrain.mi.result import Estimate, value_flags
from ibtrain.mi.samples import Side

__all__ = ["mean_of_classes", "of_each_class"]


def of_each_class(z: Side, estimate_rows: Callable[[NDArray[np.intp]], Estimate]) -> list[Estimate]:
    """Estimates the mutual information of the samples of each class of z.

    Args:
        z: The classes.
        estimate_rows: Estimates the mutual information of some rows.

    Returns:
        An estimate for each class, in the order of the classes.

    Raises:
        DataError: If the samples of a class can't be used; the message names the class. Small classes are tried first.
    """
    assert z.classes is not None and z.class_counts is not None
    labels = z.labels()
    estimates: dict[int, Estimate] = {}
    for index in np.argsort(z.class_counts, kind="stable").tolist():
        rows = np.flatnonzero(labels == index)
        try:
            estimates[index] = estimate_rows(rows)
        except (DataError, ConfigError) as error:
            if isinstance(error, ConfigError) and len(rows) == len(labels):
                raise
            expected = f"{error.expected} (merge the class with another one, or leave out its rows)"
            where = f"class {z.classes[index]} of z: {error.where}"
            raise DataError(error.given, expected, where) from error
    return [estimates[index] for index in range(z.num_classes)]


def mean_of_classes(estimates: Sequence[Estimate], counts: Sequence[int]) -> Estimate:
    r"""Combines the estimates of all classes of z into one of :math:`I(x; y \mid z)`, in nats.

    .. math:: I = \sum_k p_k I_k, \qquad \mathrm{SE}^2 = \sum_k p_k^2 s_k^2
        + \frac1n \Big(\sum_k p_k I_k^2 - I^2\Big) + \Big(\sum_k p_k b_k\Big)^2

    for the shares :math:`p_k` of the classes among n samples, the sampling errors :math:`s_k` and the systematic errors
    :math:`b_k` of their estimates. Samples of different classes are independent, so that the squared sampling errors
    add; the second term is the variance of the shares. Systematic errors may have the same sign, and add.

    Args:
        estimates: The estimate of each class, in nats.
        counts: Number of samples of each class.

    Returns:
        The estimate, with the flags of all classes.
    """
    count = sum(counts)
    shares = np.array(counts) / count
    values, errors, systematic = (
        np.array([getattr(estimate, name) for estimate in estimates])
        for name in ("mi", "stderr", "systematic")
    )
    mi = float(shares @ values)
    between = max(float(shares @ values**2) - mi**2, 0.0) / count
    sampling = float(shares**2 @ np.maximum(errors**2 - systematic**2, 0.0))
    bias = float(shares @ systematic)
    is_constant = ["constant" in estimate.flags for estimate in estimates]
    ceilings = [0.0 if c else e.ceiling for c, e in zip(is_constant, estimates, strict=True)]
    entropies = [e.entropy for e in estimates if e.entropy is not None]
    has_entropy = len(entropies) == len(estimates)
    stderr, ceiling = math.sqrt(sampling + between + bias**2), float(shares @ ceilings)
    flags = [flag for estimate in estimates for flag in estimate.flags]
    if not all(is_constant):
        flags = [flag for flag in flags if flag != "constant"]
        flags += value_flags(mi, stderr, ceiling=ceiling, is_entropy=has_entropy)
    return replace(
        next((e for e, c in zip(estimates, is_constant, strict=True) if not c), estimates[0]),
        mi=mi,
        stderr=stderr,
        systematic=bias,
        ceiling=ceiling,
        flags=tuple(dict.fromkeys(flags)),
        n_train=sum(estimate.n_train for estimate in estimates),
        n_select=sum(estimate.n_select for estimate in estimates),
        n_control=sum(estimate.n_control for estimate in estimates),
        n_test=sum(estimate.n_test for estimate in estimates),
        seconds=sum(estimate.seconds for estimate in estimates),
        secondary=None,
        entropy=float(shares @ entropies) if has_entropy else None,
    )
