"""The closed form as a control variate: known on all samples, it steadies what a few report."""

import math
from collections.abc import Iterable

from ibtrain.mi.bounds.pooled import BoundValue

__all__ = ["control_variate"]


def control_variate(
    critic: BoundValue, closed: BoundValue, other_folds: Iterable[tuple[float, float]]
) -> tuple[float, float]:
    r"""What a critic reports, less the luck that its samples brought the closed form; standard error.

    .. math:: V_1 - c \Big(B_1 - \frac1K \sum_{k=1}^K B_k\Big), \qquad
        c = \frac{(1 - \frac1K)\, u \cdot b}{(1 - \frac1K)^2\, b \cdot b + \frac1{K^2} \sum_{k>1} s_k^2}

    where :math:`V_1` is the critic's value on the first of K parts, :math:`B_k` the closed form's on
    each, :math:`s_k` its standard errors, and u and b what each sample does to :math:`V_1` and
    :math:`B_1`. The bracket is zero in expectation, and the slope c, held to [0, 1], makes the standard
    error smallest: it is never larger than that of :math:`V_1`.

    Args:
        critic: What the critic says of the samples that report.
        closed: What the closed form says of the same samples, in the same order.
        other_folds: Its value and standard error on each other part, fitted afresh to the samples
            outside that part.

    References:
        Owen, Monte Carlo theory, methods and examples (2013), section 8.9.
    """
    value, influence = critic
    closed_value, closed_influence = closed
    values, errors = zip(*other_folds, strict=True)
    parts = 1 + len(values)
    here, there = (1 - 1 / parts) * closed_influence, math.hypot(*errors) / parts
    spread = here.square().sum().item() + there**2
    slope = (influence @ here).item() / spread if spread else 0.0
    # a slope beyond these is one sample's doing
    slope = min(max(slope, 0.0), 1.0)
    luck = closed_value - (closed_value + sum(values)) / parts
    own = influence - slope * here
    return value - slope * luck, math.hypot(own.norm().item(), slope * there)
