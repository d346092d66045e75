"""Mutual information: bounds, critics, estimators and exact references, independent of training.

    from ibtrain.mi import estimate
    estimate(x, y).mi

Each name below is imported when it is first used.
"""

from typing import TYPE_CHECKING

from ibtrain.lazy import lazy_exports

if TYPE_CHECKING:
    from ibtrain.mi.benchmark.problems import PROBLEMS, Problem
    from ibtrain.mi.benchmark.validate import validate
    from ibtrain.mi.channel.bounds import ChannelBounds, channel_bounds
    from ibtrain.mi.conditional.estimate import conditional_mi
    from ibtrain.mi.matrix import MIMatrix, mi_matrix
    from ibtrain.mi.registry import ESTIMATORS, estimate
    from ibtrain.mi.result import FLAGS, Estimate

_HOMES = {
    "FLAGS": "ibtrain.mi.result",
    "ESTIMATORS": "ibtrain.mi.registry",
    "PROBLEMS": "ibtrain.mi.benchmark.problems",
    "ChannelBounds": "ibtrain.mi.channel.bounds",
    "Estimate": "ibtrain.mi.result",
    "MIMatrix": "ibtrain.mi.matrix",
    "Problem": "ibtrain.mi.benchmark.problems",
    "channel_bounds": "ibtrain.mi.channel.bounds",
    "conditional_mi": "ibtrain.mi.conditional.estimate",
    "estimate": "ibtrain.mi.registry",
    "mi_matrix": "ibtrain.mi.matrix",
    "validate": "ibtrain.mi.benchmark.validate",
}

__all__ = [
    "ESTIMATORS",
    "FLAGS",
    "PROBLEMS",
    "ChannelBounds",
    "Estimate",
    "MIMatrix",
    "Problem",
    "channel_bounds",
    "conditional_mi",
    "estimate",
    "mi_matrix",
    "validate",
]


__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
