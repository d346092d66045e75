"""Mutual information: bounds, critics, estimators and exact references; nothing of training.

    from ibtrain.mi import estimate
    estimate(x, y).mi

The names below are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ibtrain.mi.channel_bounds import Bracket, bracket
    from ibtrain.mi.problems import PROBLEMS, Problem
    from ibtrain.mi.registry import METHODS, estimate
    from ibtrain.mi.result import FLAGS, Estimate
    from ibtrain.mi.validation import validate

_HOMES = {
    "FLAGS": "result",
    "METHODS": "registry",
    "PROBLEMS": "problems",
    "Bracket": "channel_bounds",
    "Estimate": "result",
    "Problem": "problems",
    "bracket": "channel_bounds",
    "estimate": "registry",
    "validate": "validation",
}

__all__ = [
    "FLAGS",
    "METHODS",
    "PROBLEMS",
    "Bracket",
    "Estimate",
    "Problem",
    "bracket",
    "estimate",
    "validate",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
