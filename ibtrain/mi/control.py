"""The closed form as a control variate: known on all samples, it steadies what a few report."""

import math
from collections.abc import Iterable

from ibtrain.mi.pool import Bound, ScorePool

__all__ = ["steadied"]


def steadied(
    pool: ScorePool, closed: ScorePool, elsewhere: Iterable[tuple[float, float]], bound: Bound
) -> tuple[float, float]:
    r"""What a critic reports, less the luck that its samples brought the closed form; standard error.

    .. math:: V_1 - c \Big(B_1 - \frac1K \sum_{k=1}^K B_k\Big), \quad c = \frac{u \cdot b}{b \cdot b}

    where :math:`V_1` is the critic's value on the first of K parts, :math:`B_k` the closed form's on
    each, and u and b what each sample does to :math:`V_1` and :math:`B_1`. The bracket is zero in
    expectation, so that a lower bound remains one.

    Args:
        pool: The critic's scores of the samples that report.
        closed: The closed form's scores of the same samples, in the same order.
        elsewhere: Its value and standard error on each other part, fitted afresh to the samples
            outside that part.
        bound: Read off all of them.

    References:
        Owen, Monte Carlo theory, methods and examples (2013), section 8.9.
    """
    value, influence = pool.value_and_influence(bound)
    closed_value, closed_influence = closed.value_and_influence(bound)
    length = closed_influence.square().sum().item()
    slope = (influence @ closed_influence).item() / length if length else 0.0
    values, errors = zip(*elsewhere, strict=True)
    parts = 1 + len(values)
    luck = closed_value - (closed_value + sum(values)) / parts
    own = influence - slope * (1 - 1 / parts) * closed_influence
    return value - slope * luck, math.hypot(own.norm().item(), slope * math.hypot(*errors) / parts)
