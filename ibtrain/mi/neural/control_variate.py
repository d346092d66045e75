"""The closed form as a control variate of a critic: it reports on all samples, the critic on a share of them."""

import math
from collections.abc import Iterable

from ibtrain.mi.bounds.pooled import BoundValue

__all__ = ["control_variate"]


def control_variate(
    critic: BoundValue, closed: BoundValue, other_folds: Iterable[tuple[float, float]]
) -> tuple[float, float]:
    r"""A critic's value with reduced variance, and its standard error.

    .. math:: V_1 - c \Big(B_1 - \frac1K \sum_{k=1}^K B_k\Big), \qquad
        c = \frac{(1 - \frac1K)\, u \cdot b}{(1 - \frac1K)^2\, b \cdot b + \frac1{K^2} \sum_{k>1} s_k^2}

    where :math:`V_1` is the critic's value on the first of K folds, :math:`B_k` the closed form's value on
    fold k, :math:`s_k` its standard error, and u and b are the influences of the samples on :math:`V_1` and
    :math:`B_1`. The bracket has expectation zero. The slope c, limited to [0, 1], minimises the standard
    error, which is never larger than that of :math:`V_1`.

    Args:
        critic: Value of the critic on the reporting samples, and the influence of each sample.
        closed: The same of the closed form, for the same samples in the same order.
        other_folds: Value and standard error of the closed form on each other fold, where it is fitted to
            the samples outside that fold.

    References:
        Owen, Monte Carlo theory, methods and examples (2013), section 8.9.
    """
    value, influence = critic
    closed_value, closed_influence = closed
    values, errors = zip(*other_folds, strict=True)
    folds = 1 + len(values)
    bracket_influence, other_error = (1 - 1 / folds) * closed_influence, math.hypot(*errors) / folds
    variance = bracket_influence.square().sum().item() + other_error**2
    slope = (influence @ bracket_influence).item() / variance if variance else 0.0
    # only an outlier causes a slope outside [0, 1]
    slope = min(max(slope, 0.0), 1.0)
    bracket = closed_value - (closed_value + sum(values)) / folds
    influence_left = influence - slope * bracket_influence
    return value - slope * bracket, math.hypot(influence_left.norm().item(), slope * other_error)
