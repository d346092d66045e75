"""The scale of epochs in pictures: logarithmic, with 0."""

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["epoch_share", "epoch_ticks", "set_epoch_axis"]


def epoch_share(last: float) -> Callable[[Any], Any]:
    """Returns the function from epochs to numbers between 0, for the start, and 1, for the last epoch.

    Args:
        last: The last epoch.
    """
    return lambda epochs: np.log1p(np.asarray(epochs)) / np.log1p(max(last, 1e-9))


def epoch_ticks(last: float) -> list[float]:
    """0, then 1, 2 and 5 of each decade, and the last epoch, none too close to it.

    Args:
        last: The last epoch.
    """
    decades = [digit * 10**power for power in range(len(str(int(last))) + 1) for digit in (1, 2, 5)]
    ticks: list[float] = [0, *(tick for tick in decades if 1.3 * tick < last)]
    return [*ticks, last] if last > 0 else ticks


def set_epoch_axis(axis: Any, last: float) -> None:
    """Gives the x-axis the logarithmic scale of epochs, with a margin.

    Args:
        axis: The axis.
        last: The last epoch.
    """
    axis.set_xscale("function", functions=(_logarithm, np.expm1))
    ticks = epoch_ticks(last)
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_xticks([], minor=True)
    axis.set_xlim(-0.1, last * 1.08 + 0.1)


def _logarithm(epochs: Any) -> Any:
    # matplotlib also asks for values left of the axis
    return np.log1p(np.maximum(epochs, -0.99))
