"""Descriptions of settings, for tables and captions."""

from collections.abc import Mapping, Sequence
from typing import Any

from ibtrain.config import ORDERS, OUTPUT_OBJECTIVES, PREDICT_FROM, UNUSED
from ibtrain.config.plane import plane_noise

__all__ = ["noise_words", "numbers", "objective_words"]

_NOISE_UNITS = {"absolute": "", "relative": " × std of h", "radius": " × radius of h"}


def numbers(values: Sequence[float]) -> str:
    """Numbers with commas between them."""
    return ", ".join(f"{value:g}" for value in values)


def noise_words(plane: Mapping[str, Any]) -> str:
    """The noise of a plane in words.

    Args:
        plane: Fields of a :class:`~ibtrain.config.PlaneConfig`.
    """
    noise_std, noise_scale = plane_noise(plane["noise_std"], plane["noise_scale"])
    return numbers(noise_std) + _NOISE_UNITS[noise_scale]


def objective_words(objective: Mapping[str, Any], beta: str) -> str:
    """Describes the objective of the blocks, and their order if it is not sequential.

    Args:
        objective: The fields of an :class:`~ibtrain.config.ObjectiveConfig`; older results have fewer.
        beta: Text before the weight of the compression term.
    """
    name, order = objective.get("name", "ib"), objective.get("order", "sequential")
    words = [] if name == "ib" else [f"objective {name}"]
    if name in OUTPUT_OBJECTIVES:
        words += [f"{beta}{numbers(objective['beta'])}"] * ("beta" not in UNUSED.get(name, ()))
        words += [f"predicting from {PREDICT_FROM[objective['predict_from']]}"]
    elif objective.get("readout", "dv") == "dv":
        words.append(f"output layer by its own bound, {beta}{objective['beta'][-1]:g}")
    words += [
        f"{term.replace('_', '-')} {objective[term]:g}"
        for term in ("same_class", "similarity")
        if objective.get(term)
    ]
    words += ["the scores of all blocks averaged"] * bool(objective.get("average_scores"))
    if order != "sequential":
        words.append(ORDERS.get(order, order))
    return ", ".join(words)
