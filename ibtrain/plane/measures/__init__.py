"""What is measured of a layer, a measure a file."""

from importlib import import_module

from ibtrain.config import MEASURES
from ibtrain.plane.measures.base import LayerSample, LayerSpec, Measure, Quantity, Values

__all__ = ["LayerSample", "LayerSpec", "Measure", "Quantity", "Values", "measure_class"]


def measure_class(name: str) -> type[Measure]:
    """The class of a measure.

    Args:
        name: One of :data:`~ibtrain.config.MEASURES`.
    """
    home, _, kind = MEASURES[name].partition(":")
    found: type[Measure] = getattr(import_module(home), kind)
    return found
