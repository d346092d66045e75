"""Mutual information: bounds, critics, estimators and exact references; nothing of training.

    from ibtrain.mi import estimate
    estimate(x, y).mi

The names below are imported when they are first used.
"""

from typing import TYPE_CHECKING

from ibtrain.lazy import lazy_exports

if TYPE_CHECKING:
    from ibtrain.mi.channel_bounds import Bracket, bracket
    from ibtrain.mi.problems import PROBLEMS, Problem
    from ibtrain.mi.registry import ESTIMATORS, estimate
    from ibtrain.mi.result import FLAGS, Estimate
    from ibtrain.mi.validation import validate

_HOMES = {
    "FLAGS": "ibtrain.mi.result",
    "ESTIMATORS": "ibtrain.mi.registry",
    "PROBLEMS": "ibtrain.mi.problems",
    "Bracket": "ibtrain.mi.channel_bounds",
    "Estimate": "ibtrain.mi.result",
    "Problem": "ibtrain.mi.problems",
    "bracket": "ibtrain.mi.channel_bounds",
    "estimate": "ibtrain.mi.registry",
    "validate": "ibtrain.mi.validation",
}

__all__ = [
    "ESTIMATORS",
    "FLAGS",
    "PROBLEMS",
    "Bracket",
    "Estimate",
    "Problem",
    "bracket",
    "estimate",
    "validate",
]


__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
